//! Beside OpenStack's own parts: haproxy as Neutron configures it, in place of our proxy.

mod tenants;

use std::fs;

use innkeeper_lab::{LabError, Process, Program, World, isolated};
use tenants::{META_DATA, isolated_tenant, routed_tenant, world};

#[test]
fn haproxy_in_place_of_our_proxy_is_answered() {
    isolated(|| {
        let world = world()?;
        // The proxy is there only until the guests are plugged in.
        let roles = world.roles()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        roles.proxy.kill()?;
        let router = world.query("red", "router show edge")?;
        let router = router["id"].as_str().expect("an id").to_owned();
        let network = &blue.machine.network;

        let _router_side = haproxy(
            &world,
            &format!("qrouter-{router}"),
            "bind :::9697 v4v6",
            "http-request del-header X-Neutron-Network-ID",
            &format!("http-request set-header X-Neutron-Router-ID {router}"),
        )?;
        let _network_side = haproxy(
            &world,
            &format!("qdhcp-{network}"),
            "bind 169.254.169.254:80",
            "http-request del-header X-Neutron-Router-ID",
            &format!("http-request set-header X-Neutron-Network-ID {network}"),
        )?;
        for tenant in [&red, &blue] {
            world.await_answer(&tenant.guest)?;
            tenant.assert_knows_itself()?;
            let spoof = format!("X-Neutron-Network-ID: {network}\r\nX-Instance-ID: x\r\n");
            let reply = tenant.guest.get_with(META_DATA, &spoof)?;
            assert_eq!(reply.json()?["uuid"], tenant.machine.id, "{spoof:?} was believed");
            // haproxy adds the true address behind the guest's: two, so neither is believed.
            let reply = tenant.guest.get_with(META_DATA, "X-Forwarded-For: 10.0.0.9\r\n")?;
            assert_eq!(reply.status, 400, "{}", reply.text());
            let leaked = reply.headers.iter().find(|(name, _)| name.starts_with("x-innkeeper"));
            assert_eq!(leaked, None);
        }
        Ok(())
    });
}

/// Starts haproxy in a namespace with the settings that Neutron's agents give it (28.x).
fn haproxy(
    world: &World,
    namespace: &str,
    bind: &str,
    delete: &str,
    set: &str,
) -> Result<Process, LabError> {
    let directory = world.directory();
    let configuration = directory.join(format!("{namespace}.conf"));
    let text = format!(
        "global\n  maxconn 1024\n  nbthread 2\n\
         defaults\n  mode http\n  option http-server-close\n  option forwardfor\n  retries 3\n  \
         timeout http-request 30s\n  timeout connect 30s\n  timeout client 32s\n  \
         timeout server 32s\n  timeout http-keep-alive 30s\n\
         listen listener\n  {bind}\n  server metadata {}/metadata_proxy\n  {delete}\n  {set}\n",
        directory.display()
    );
    fs::write(&configuration, text)?;
    let configuration = configuration.to_string_lossy().into_owned();
    let log = directory.join(format!("{namespace}.log"));
    let words = ["netns", "exec", namespace, "haproxy", "-db", "-f", &configuration];
    Program::new("ip").start(words, &log)
}
