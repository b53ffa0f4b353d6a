use std::fs;

use super::*;

fn given(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("innkeeper.toml");
    fs::write(&path, file.unwrap_or_default()).unwrap();
    let given = Given {
        file: Some(path),
        environment: environment.iter().map(|(k, v)| (k.into(), v.into())).collect(),
        other_variables: vec!["INNKEEPER_TOKEN_FILE".to_owned()],
        flags: flags
            .iter()
            .map(|(flag, text)| {
                let key = keys().find(|key| key.flag() == *flag).expect("a flag of the table");
                (key, (*text).to_owned())
            })
            .collect(),
    };
    given
        .load()
        .map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""))
}

type Loaded = Result<(Config, Settings), String>;

fn refusal(loaded: Loaded) -> String {
    match loaded {
        Ok(_) => panic!("the configuration was taken"),
        Err(message) => message,
    }
}

#[test]
fn every_default_is_valid_and_documented() {
    for key in keys() {
        assert!((key.accepts)(key.default), "{key}: default {:?}", key.default);
        assert!(key.sentence().ends_with(['.', '`']), "{key}: {:?}", key.sentence());
    }
    given(None, &[], &[]).unwrap();
}

#[test]
fn later_layers_win() {
    let file =
        "[api]\nlisten = \"127.0.0.1:1\"\ndhcp_domain = \"file\"\n[log]\nformat = \"json\"\n";
    let environment = [("INNKEEPER_API_LISTEN", "127.0.0.1:2"), ("INNKEEPER_LOG_LEVEL", "debug")];
    let (config, settings) =
        given(Some(file), &environment, &[("api-listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.api.listen.port(), 3);
    assert_eq!(settings.source("api", "listen"), Source::Flag("api-listen".to_owned()));
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(settings.source("log", "format").to_string().ends_with("innkeeper.toml:5"));
    assert_eq!(
        settings.source("log", "level"),
        Source::Environment("INNKEEPER_LOG_LEVEL".to_owned())
    );
    assert_eq!(settings.source("store", "path"), Source::Default);

    let (config, _) = given(Some(file), &environment, &[]).unwrap();
    assert_eq!(config.api.listen.port(), 2);
    let (config, _) = given(Some(file), &[], &[]).unwrap();
    assert_eq!(config.api.listen.port(), 1);
}

#[test]
fn an_empty_value_unsets_what_may_be_unset() {
    let file = "[api]\ndhcp_domain = \"cloud.example\"\n";
    let (config, _) = given(Some(file), &[("INNKEEPER_API_DHCP_DOMAIN", "")], &[]).unwrap();
    assert!(config.api.dhcp_domain.is_none());
    let message = refusal(given(None, &[("INNKEEPER_API_LISTEN", "")], &[]));
    assert!(message.contains("expected an IP address and a port"), "{message}");
}

#[test]
fn unknown_keys_are_refused_with_place_and_nearest() {
    let cases = [
        (
            "[api]\nlisen = \"127.0.0.1:1\"\n",
            "innkeeper.toml:2: unknown key api.lisen; did you mean api.listen?",
        ),
        ("\n\n[aip]\n", "innkeeper.toml:3: unknown key section [aip]; did you mean api?"),
        ("listen = 1\n", "innkeeper.toml:1: unknown key listen"),
        ("[api]\ncolour = 1\n", "innkeeper config example"),
        ("api = 1\n", "innkeeper.toml:1: unknown key api"),
    ];
    for (file, expected) in cases {
        let message = refusal(given(Some(file), &[], &[]));
        assert!(message.contains(expected), "{file:?}: {message}");
    }
}

#[test]
fn unknown_variables_are_refused_with_the_nearest() {
    let message = refusal(given(None, &[("INNKEEPER_API_LISTN", "127.0.0.1:1")], &[]));
    assert_eq!(
        message,
        "unknown environment variable INNKEEPER_API_LISTN; did you mean INNKEEPER_API_LISTEN?"
    );
    let ours_or_not_meant_for_us = [
        ("INNKEEPER_TOKEN_FILE", "/x"),
        ("OTHER_API_LISTN", "x"),
        ("INNKEEPER_PORT", "tcp://10.0.0.1:80"),
        ("INNKEEPER_SERVICE_HOST", "10.0.0.1"),
        ("INNKEEPER_PORT_8775_TCP_ADDR", "10.0.0.1"),
    ];
    given(None, &ours_or_not_meant_for_us, &[]).unwrap();
}

#[test]
fn values_of_a_wrong_type_say_what_is_expected() {
    let cases = [
        (
            "[api]\nlisten = 8775\n",
            "innkeeper.toml:2: api.listen is the integer 8775: expected an IP",
        ),
        ("[api]\nlisten = \"8775\"\n", "innkeeper.toml:2: api.listen is \"8775\": expected an IP"),
        ("[agent]\ninsecure = \"yes\"\n", "agent.insecure is the string \"yes\": expected true"),
        ("[agent]\napi = \"http://a\"\n", "expected a list of URLs"),
        ("[agent]\napi = []\n", "expected a list of URLs"),
        ("[netns]\nmetadata_port = 0\n", "expected a TCP port from 1 to 65535"),
        ("[netns]\nmetadata_path = \"nat\"\n", "expected \"redirect\" or \"address\""),
        ("[agent]\napi_kind = \"neutron\"\n", "expected \"innkeeper\" or \"nova\""),
        ("[api\n", "innkeeper.toml:1: not valid TOML"),
        (
            "[config_drive]\nskip_versions = [\"2007-01-20\"]\n",
            "innkeeper.toml:2: config_drive.skip_versions is \"2007-01-20\": expected a list of \
             versions: EC2's 1.0, 2007-01-19",
        ),
        ("[config_drive]\nvfat_mib = 65\n", "config_drive.vfat_mib is \"65\": expected a number"),
        ("[config_drive]\nformat = \"iso\"\n", "expected \"iso9660\", \"vfat\" or \"vhd\""),
    ];
    for (file, expected) in cases {
        let message = refusal(given(Some(file), &[], &[]));
        assert!(message.contains(expected), "{file:?}: {message}");
    }
    let message = refusal(given(None, &[], &[("runtime-worker-threads", "many")]));
    assert!(message.starts_with("--runtime-worker-threads: runtime.worker_threads is \"many\""));
}

#[test]
fn mistakes_that_a_later_layer_hides_are_still_found() {
    let file = "[api]\nlisten = \"nowhere\"\n";
    refusal(given(Some(file), &[("INNKEEPER_API_LISTEN", "127.0.0.1:2")], &[]));
}

#[test]
fn secrets_are_given_by_file_only_and_never_repeated() {
    let secret = "0123456789abcdef0123456789abcdef";
    let messages = [
        refusal(given(Some(&format!("[secrets]\nshared_secret = \"{secret}\"\n")), &[], &[])),
        refusal(given(Some(&format!("[secrets]\nshared_secret_file = \"{secret}\"\n")), &[], &[])),
        refusal(given(Some("[secrets]\nshared_secret_file = 123456789\n"), &[], &[])),
        refusal(given(None, &[("INNKEEPER_SECRETS_SHARED_SECRET", secret)], &[])),
        refusal(given(None, &[("INNKEEPER_SHARED_SECRET", secret)], &[])),
        refusal(given(None, &[("INNKEEPER_SECRETS_SHARED_SECRET_FILE", secret)], &[])),
        refusal(given(None, &[], &[("secrets-shared-secret-file", secret)])),
    ];
    for message in messages {
        assert!(!message.contains(secret) && !message.contains("123456789"), "{message}");
        assert!(message.contains("file"), "{message}");
    }
    for key in keys().filter(|key| !key.secret) {
        let names_secret = key.name.contains("secret") || key.name.contains("token");
        assert!(!names_secret, "{key} would take a secret: give the path of a file");
    }
}

#[test]
fn contradictions_between_keys_are_refused() {
    let cases = [
        ("[api]\ntls_certificate = \"/c\"\n", "set both"),
        ("[api]\ntls_client_ca = \"/c\"\n", "needs TLS"),
        ("[api]\ntrust_forwarded_for = true\n", "api.identification is \"address\""),
        ("[agent]\nca = \"/c\"\n", "no https:// URL"),
        (
            "[agent]\napi = [\"https://a\"]\nca = \"/c\"\ninsecure = true\n",
            "innkeeper.toml:4: agent.insecure takes any",
        ),
        ("[agent]\ncontrol = \"http://a\"\n", "agent.control_token_file"),
        ("[host]\ncontrol_token_file = \"/t\"\n", "asks for no token"),
        ("[agent]\nsocket = \"/run/innkeeper/control.sock\"\n", "the same path"),
        ("[config_drive]\ninstances_path = \"instances\"\n", "give an absolute path"),
        ("[control]\nlisten = \"127.0.0.1:8775\"\n", "are both 127.0.0.1:8775"),
    ];
    for (file, expected) in cases {
        let message = refusal(given(Some(file), &[], &[]));
        assert!(message.contains(expected), "{file:?}: {message}");
    }
}

#[test]
fn a_file_that_was_named_must_exist() {
    let given = Given { file: Some(PathBuf::from("/nonexistent/x.toml")), ..Given::default() };
    assert!(given.load().unwrap_err().to_string().contains("/nonexistent/x.toml"));
}

#[test]
fn the_example_says_the_same_as_no_file() {
    let example = example();
    let (_, defaults) = given(None, &[], &[]).unwrap();
    let (_, commented) = given(Some(&example), &[], &[]).unwrap();
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (_, set) = given(Some(&uncommented), &[], &[]).unwrap();
    for key in keys() {
        assert_eq!(defaults.text(key), commented.text(key), "{key}");
        assert_eq!(defaults.text(key), set.text(key), "{key}");
        assert_ne!(
            set.source(key.section, key.name),
            Source::Default,
            "{key} is not in the example"
        );
        assert!(example.contains(&format!("\n#{} = ", key.name)), "{key}");
    }
}

#[test]
fn the_report_is_a_file_that_says_the_same() {
    let (_, first) = given(
        Some("[api]\nlisten = \"127.0.0.1:1\"\n"),
        &[],
        &[("agent-api", "http://a,https://b")],
    )
    .unwrap();
    let text = report(&first);
    let (_, again) = given(Some(&text), &[], &[]).unwrap();
    for key in keys() {
        assert_eq!(first.text(key), again.text(key), "{key}");
    }
    assert!(text.contains("api = [\"http://a\", \"https://b\"]  # --agent-api"), "{text}");
}

#[test]
fn names_of_variables_and_flags_lead_to_one_key_each() {
    let mut variables: Vec<_> = keys().map(Key::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), keys().count());
}
