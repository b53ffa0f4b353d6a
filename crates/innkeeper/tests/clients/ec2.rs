//! What reads the EC2 tree: cloud-init's Ec2 data source, and `ec2metadata` of cloud-guest-utils.

use std::collections::BTreeMap;

use innkeeper_lab::isolated;
use serde_json::Value;

use crate::{
    cloud_init::Boot,
    inside::Inside,
    machine::{Complete, KEY, USER_DATA, ZONE},
    world,
};

/// The oldest version that the data source knows, and the newest that Nova serves.
const TREE: &str = "/2009-04-04";

/// It misses what Amazon would say of the network and Nova does not.
const NO_NETWORK: &str = "Metadata 'network' key not valid: None.";

#[test]
fn cloud_init_reads_all_of_the_ec2_tree() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let complete = Complete::make(&world)?;
        let inside = Inside::new(&world, &complete.guest)?;
        let boot = Boot::run(&inside, "Ec2", "strict_id: false")?;

        boot.assert_content(&[NO_NETWORK]);
        assert!(!boot.log.contains("api/token"), "it asks for a token on Amazon alone");
        let expected = complete.ec2(&world)?;
        assert_eq!(boot.read("/meta-data"), &expected);
        assert_eq!(boot.user_data, USER_DATA.as_bytes());
        assert_eq!(boot.instance_data["v1"]["instance_id"], expected["instance-id"]);
        let mut offered = complete.paths_below(&format!("{TREE}/meta-data/"))?;
        offered.insert(format!("{TREE}/user-data"));
        assert_eq!(boot.paths_read(), offered, "it reads what is there, and all of it");
        Ok(())
    });
}

/// Crawls once, with the data source as the package has it. On Amazon, `cloud-init init` crawls over
/// and over for as long as the network is missing, and spends five seconds each time on asking for
/// Amazon's signed identity; neither was ever in Nova.
const CRAWL: &str = r#"
import json, logging, sys
from cloudinit import helpers
from cloudinit.sources.DataSourceEc2 import DataSourceEc2
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(message)s", force=True)
source = DataSourceEc2({}, None, helpers.Paths({"cloud_dir": "/var/lib/cloud"}))
crawled = source.crawl_metadata()
print(json.dumps({
    "cloud": source.cloud_name,
    "meta-data": crawled["meta-data"],
    "user-data": crawled["user-data"].decode(),
}))
"#;

#[test]
fn cloud_init_that_takes_us_for_amazon_reads_the_ec2_tree_with_a_token() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let inside = Inside::new(&world, &complete.guest)?
            .with_hypervisor_uuid("ec2e1916-9099-7caf-fd21-012345abcdef")?;
        let output = inside.run("python3", &["-c", CRAWL])?;
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the crawl ended with {}: {log}", output.status);
        let crawled: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");

        assert_eq!(crawled["cloud"], "aws");
        assert_eq!(crawled["meta-data"], complete.ec2(&world)?);
        assert_eq!(crawled["user-data"], USER_DATA);
        assert!(log.contains("/latest/api/token (200, "), "no token: {log}");
        let leaf = format!("open 'http://169.254.169.254{TREE}/meta-data/hostname'");
        let asked = log.lines().find(|line| line.contains(&leaf));
        let token = "'X-aws-ec2-metadata-token': 'REDACTED'";
        assert!(asked.is_some_and(|line| line.contains(token)), "without the token: {asked:?}");
        Ok(())
    });
}

/// What `ec2metadata` knows to ask for and Nova never had.
const NOT_IN_NOVA: [&str; 9] = [
    "ancestor-ami-ids",
    "availability-zone-id",
    "group-name",
    "host-id",
    "mac",
    "partition-number",
    "product-codes",
    "profile",
    "region",
];

#[test]
fn ec2metadata_prints_every_leaf() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let inside = Inside::new(&world, &complete.guest)?;
        let printed = String::from_utf8(inside.output_of("ec2metadata", &[])?);
        let printed = printed.expect("all but the user data, which it quotes, is ASCII");
        let printed = entries(&printed);

        let expected = complete.ec2(&world)?;
        for (name, value) in &printed {
            let wanted = match *name {
                "availability-zone" => ZONE.to_owned(),
                "block-device-mapping" => "ami\nephemeral0\nroot\nswap".to_owned(),
                "public-keys" => format!("['{KEY}']"),
                "security-groups" => "web\nssh\nweb\nssh".to_owned(),
                // Quoted as Python does; its bytes are compared below.
                "user-data" => value.clone(),
                absent if NOT_IN_NOVA.contains(&absent) => "unavailable".to_owned(),
                leaf => expected[leaf].as_str().unwrap_or("a leaf that we know").to_owned(),
            };
            assert_eq!(*value, wanted, "{name}");
        }
        let unavailable: Vec<_> =
            printed.iter().filter(|(_, v)| *v == "unavailable").map(|(name, _)| *name).collect();
        assert_eq!(unavailable, NOT_IN_NOVA);
        let listed = expected.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        // It has no option for these two: one is printed as local-hostname, one in part.
        let missing: Vec<_> = listed.filter(|name| !printed.contains_key(name)).collect();
        assert_eq!(missing, ["hostname", "placement"]);

        let user_data = inside.output_of("ec2metadata", &["--user-data"])?;
        assert_eq!(user_data, USER_DATA.as_bytes(), "byte for byte");
        let id = inside.output_of("ec2metadata", &["--instance-id"])?;
        let wanted = expected["instance-id"].as_str().unwrap_or_default();
        assert_eq!(id, format!("{wanted}\n").as_bytes());
        Ok(())
    });
}

/// `name: value` lines, where a value can go on for further lines.
fn entries(text: &str) -> BTreeMap<&str, String> {
    let mut entries = BTreeMap::new();
    let mut last = "";
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(": ") {
            last = name;
            entries.insert(name, value.to_owned());
        } else if let Some(value) = entries.get_mut(last) {
            *value += &format!("\n{line}");
        }
    }
    entries
}
