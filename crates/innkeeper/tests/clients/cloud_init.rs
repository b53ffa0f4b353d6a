//! cloud-init as a distribution ships it.

use std::collections::BTreeSet;

use innkeeper_lab::LabError;
use serde_json::Value;

use crate::inside::Inside;

/// What Debian's packaging would have the administrator write, but for what needs a whole machine:
/// network and host name are left alone, and the only module writes files.
const CONFIGURATION: &str = "\
network: {config: disabled}
preserve_hostname: true
syslog_fix_perms: root:root
cloud_init_modules: [write-files]
system_info: {distro: debian}
log_cfgs:
- |
  [loggers]
  keys=root,cloudinit
  [handlers]
  keys=file
  [formatters]
  keys=plain
  [logger_root]
  level=DEBUG
  handlers=file
  [logger_cloudinit]
  level=DEBUG
  qualname=cloudinit
  handlers=
  propagate=1
  [handler_file]
  class=FileHandler
  level=DEBUG
  formatter=plain
  args=('/var/log/cloud-init.log', 'a', 'UTF-8')
  [formatter_plain]
  format=%(filename)s[%(levelname)s]: %(message)s
";

/// One run of `cloud-init init`, read from what it left on the guest's disk.
#[derive(Debug)]
pub(crate) struct Boot {
    /// What `cloud-init query --all` would print, with nothing taken out.
    pub(crate) instance_data: Value,
    /// The user data as it was read, byte for byte.
    pub(crate) user_data: Vec<u8>,
    /// Its log, debug messages included.
    pub(crate) log: String,
}

impl Boot {
    /// Runs the stage that crawls the metadata service, with one data source and its settings.
    pub(crate) fn run(inside: &Inside<'_>, source: &str, settings: &str) -> Result<Self, LabError> {
        let configuration = format!(
            "{CONFIGURATION}datasource_list: [{source}]\ndatasource: {{{source}: {{{settings}}}}}\n"
        );
        inside.write("etc-cloud/cloud.cfg", &configuration)?;
        let output = inside.run("cloud-init", &["init"])?;
        let log = String::from_utf8_lossy(&inside.read("var-log/cloud-init.log")).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cloud-init ended with {}: {said}{log}", output.status);
        let path = "/run/cloud-init/instance-data-sensitive.json";
        let text = std::fs::read(path)?;
        let instance_data: Value =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let id = instance_data["v1"]["instance_id"].as_str().unwrap_or_default();
        let user_data = inside.read(&format!("var-lib/cloud/instances/{id}/user-data.txt"));
        Ok(Self { user_data, instance_data, log })
    }

    /// What the data source read, by pointer.
    pub(crate) fn read(&self, pointer: &str) -> &Value {
        let pointer = format!("/ds{pointer}");
        let value = self.instance_data.pointer(&pointer);
        value.unwrap_or_else(|| panic!("no {pointer} in {:#}", self.instance_data))
    }

    /// The paths that it read successfully.
    pub(crate) fn paths_read(&self) -> BTreeSet<String> {
        let read = self.log.lines().filter_map(|line| {
            line.split_once("Read from http://169.254.169.254")?.1.split_once(" (200, ")
        });
        read.map(|(path, _)| path.to_owned()).collect()
    }

    /// Fails if it complains in its log, but for lines with one of these in them.
    pub(crate) fn assert_content(&self, but_for: &[&str]) {
        let grave = ["[WARNING]", "[ERROR]", "[CRITICAL]"];
        let has_any = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
        let complaints: Vec<_> = self
            .log
            .lines()
            .filter(|line| has_any(line, &grave) && !has_any(line, but_for))
            .collect();
        assert!(complaints.is_empty(), "cloud-init complains: {complaints:#?}\n{}", self.log);
    }
}
