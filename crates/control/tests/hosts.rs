//! What hosts ask of ports, through the real client with an agent's token, over TCP.

mod fixture;

use fixture::{new_network, project, raw, serve, subnet};
use innkeeper_control_api::{Client, ControlAddress, ControlError, ErrorCode};
use innkeeper_model::{ExtraDhcpOption, Network, NewPort, PluggedPort, Port, TokenScope};

#[tokio::test]
async fn ports_are_told_as_they_are() {
    let served = serve().await;
    let (_, token) = served.store.token_create(TokenScope::Agent, "host").await.expect("a token");
    let header = format!("Authorization: Bearer {}\r\n", token.expose());
    let host = Client::new(ControlAddress::Tcp { authority: served.tcp.to_string(), token });

    let p1 = project(&served.client, "p1").await;
    let new = new_network(&p1, "blue");
    let blue = served.client.create::<Network>(&new).await.expect("a network").id;
    subnet(&served.client, blue, "blue", "10.0.0.0/24").await;
    let mut new = NewPort::on(p1, blue);
    let option = ExtraDhcpOption { name: "42".to_owned(), value: "10.0.0.1,10.0.0.2".to_owned() };
    new.extra_dhcp_opts = vec![option];
    let port = served.client.create::<Port>(&new).await.expect("a port");
    assert_eq!(port.extra_dhcp_opts, new.extra_dhcp_opts);
    let addresses: Vec<_> = port.fixed_ips.iter().map(|fixed| fixed.ip_address).collect();

    let binding = host.dhcp_binding(blue, port.mac_address).await.expect("an answer");
    let binding = binding.expect("a binding");
    assert_eq!((binding.port_id, &binding.addresses), (port.id, &addresses));
    assert_eq!((binding.host_name, binding.extra_options), (None, new.extra_dhcp_opts));
    let stranger = "fa:16:3e:00:00:01".parse().expect("a MAC address");
    assert_eq!(host.dhcp_binding(blue, stranger).await.expect("an answer"), None);

    let prefix: String = port.id.to_string().chars().take(11).collect();
    let plugged = host.plugged_ports(vec![prefix]).await.expect("an answer");
    let expected =
        PluggedPort { id: port.id, network_id: blue, mac_address: port.mac_address, addresses };
    assert_eq!(plugged, [expected]);

    let refused = host.plugged_ports(vec!["tap".to_owned()]).await.expect_err("no prefix");
    assert!(
        matches!(&refused, ControlError::Refused { code: ErrorCode::Invalid, field: Some(field), .. }
            if field == "prefixes"),
        "{refused:?}"
    );
    let body = r#"{"network":"x"}"#;
    let answer = raw(served.tcp, "POST", "/v1/network-view/dhcp-binding", &header, body).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}
