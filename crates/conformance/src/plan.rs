//! What is to be asked of which program: read from a directory of recordings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    ConformanceError,
    configuration::{Catalogue, Configuration},
    recording::{Exchange, Recording},
};

/// The folder whose recordings ask in a metadata provider's name.
const PROVIDER_FOLDER: &str = "_provider";
/// What the recorded provider is called.
const PROVIDER: &str = "provider-1";

/// Everything that a directory of recordings asks for.
#[derive(Debug)]
pub struct Plan {
    pub(crate) stages: Vec<Stage>,
    /// What the directory holds that this program does not replay, and why.
    pub(crate) left_out: Vec<String>,
}

/// One run of the program: its configuration, its machines, and what it is asked.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) configuration: Configuration,
    /// The folders of the machines, by their name.
    pub(crate) machines: BTreeMap<String, PathBuf>,
    /// Whether the recording names its machines, so that it is about them and no others.
    pub(crate) machines_are_named: bool,
    /// The metadata provider that has the machines' networks.
    pub(crate) provider: Option<&'static str>,
    /// Whether each request must wait for the answer of the one before.
    pub(crate) in_order: bool,
    pub(crate) files: Vec<Asked>,
}

/// The requests of one file.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The folder, which is the case.
    pub(crate) case: String,
    /// The recordings' name of the configuration.
    pub(crate) configuration: String,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Plan {
    /// Reads every recording in the folders of a directory.
    pub fn read(directory: &Path) -> Result<Self, ConformanceError> {
        let folders = folders(directory)?;
        let inputs = folders.iter().filter(|(_, folder)| folder.join("input.json").is_file());
        let machines: BTreeMap<_, _> =
            inputs.map(|(name, folder)| (name.clone(), folder.clone())).collect();

        let mut catalogue = Catalogue::default();
        let mut recordings = Vec::new();
        for (case, folder) in &folders {
            for path in responses(folder)? {
                let recording = Recording::read(&path)?;
                catalogue.add(&recording.config);
                recordings.push((case.clone(), recording));
            }
        }
        if recordings.is_empty() {
            return Err(ConformanceError::NoRecordings(directory.to_owned()));
        }
        let mut plan = Self { stages: Vec::new(), left_out: left_out(directory) };
        for (case, recording) in recordings {
            let configuration = catalogue.complete(&recording.config);
            plan.add(directory, case, recording, configuration, &machines);
        }
        Ok(plan)
    }

    /// How many requests there are.
    pub fn requests(&self) -> usize {
        let files = self.stages.iter().flat_map(|stage| &stage.files);
        files.map(|file| file.exchanges.len()).sum()
    }

    fn add(
        &mut self,
        directory: &Path,
        case: String,
        recording: Recording,
        configuration: Configuration,
        machines: &BTreeMap<String, PathBuf>,
    ) {
        let only = recording.machines();
        let in_order = recording.order_matters();
        let provider = (case == PROVIDER_FOLDER).then_some(PROVIDER);
        let alone = !only.is_empty() || in_order || provider.is_some();
        let file = Asked {
            case,
            configuration: configuration.name.clone(),
            exchanges: recording.responses,
        };
        if !alone {
            let shared = self.stages.iter_mut().find(|stage| {
                stage.is_shared(machines.len())
                    && stage.configuration.means_the_same(&configuration)
            });
            if let Some(stage) = shared {
                stage.files.push(file);
                return;
            }
        }
        let wanted = |name: &String| only.is_empty() || only.contains(name);
        let mut its: BTreeMap<_, _> = machines
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, folder)| (name.clone(), folder.clone()))
            .collect();
        // A machine that is named but not there is an import that fails, not one that is skipped.
        for name in &only {
            its.entry(name.clone()).or_insert_with(|| directory.join(name));
        }
        self.stages.push(Stage {
            configuration,
            machines: its,
            machines_are_named: !only.is_empty(),
            provider,
            in_order,
            files: vec![file],
        });
    }
}

impl Stage {
    fn is_shared(&self, machines: usize) -> bool {
        !self.in_order && self.provider.is_none() && self.machines.len() == machines
    }
}

fn folders(directory: &Path) -> Result<Vec<(String, PathBuf)>, ConformanceError> {
    let entries = fs::read_dir(directory).map_err(ConformanceError::file("read", directory))?;
    let mut folders: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    folders.sort();
    Ok(folders)
}

fn responses(folder: &Path) -> Result<Vec<PathBuf>, ConformanceError> {
    let entries = fs::read_dir(folder).map_err(ConformanceError::file("read", folder))?;
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("responses") && name.ends_with(".json")
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

fn left_out(directory: &Path) -> Vec<String> {
    let guest = directory.join("_guest_path.json").exists();
    let reason = "_guest_path.json: asked by a guest through haproxy and Neutron's agent, of a \
                  machine without input.json";
    guest.then(|| reason.to_owned()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    fn directory(files: &[(&str, Value)]) -> TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content.to_string()).expect("a file");
        }
        directory
    }

    fn asked(config: &Value, method: &str, path: &str) -> Value {
        json!({"config": config, "responses": [{"method": method, "path": path, "status": 200}]})
    }

    #[test]
    fn files_of_one_configuration_share_a_program_unless_they_need_their_own() {
        let a = json!({"name": "A", "dhcp_domain": "d"});
        let mut about_one = asked(&json!({"name": "A"}), "GET", "/");
        about_one["instance"] = json!("one");
        let directory = directory(&[
            ("one/input.json", json!({})),
            ("one/responses.json", asked(&a, "GET", "/")),
            ("one/responses_eventlet.json", asked(&json!("E = A on eventlet"), "GET", "/")),
            ("one/responses_configB.json", asked(&json!({"name": "B", "x": 1}), "GET", "/")),
            ("one/configdrive.json", json!("not looked at")),
            ("two/input.json", json!({})),
            ("two/responses.json", asked(&a, "GET", "/")),
            ("_errors/responses.json", about_one),
            ("_password/responses.json", asked(&a, "POST", "/openstack/latest/password")),
            ("_provider/responses.json", asked(&json!({"name": "A"}), "GET", "/")),
            ("_guest_path.json", json!({})),
        ]);
        let plan = Plan::read(directory.path()).expect("a plan");
        let told: Vec<_> = plan
            .stages
            .iter()
            .map(|stage| {
                let cases: Vec<&str> = stage.files.iter().map(|file| file.case.as_str()).collect();
                let machines: Vec<&str> = stage.machines.keys().map(String::as_str).collect();
                (cases.join(" "), machines.join(" "), stage.in_order, stage.provider)
            })
            .collect();
        let expected = [
            ("_errors", "one", false, None),
            ("_password", "one two", true, None),
            ("_provider", "one two", false, Some("provider-1")),
            ("one one two", "one two", false, None),
            ("one", "one two", false, None),
        ];
        let expected = expected.map(|(cases, machines, in_order, provider)| {
            (cases.to_owned(), machines.to_owned(), in_order, provider)
        });
        assert_eq!(told, expected);
        assert_eq!((plan.requests(), plan.left_out.len()), (7, 1));
    }

    #[test]
    fn a_directory_without_recordings_is_refused() {
        let error = Plan::read(directory(&[("a/b.json", json!({}))]).path()).expect_err("no plan");
        assert!(error.to_string().contains("holds no recordings"), "{error}");
        let broken = directory(&[("a/responses.json", json!({"responses": 5}))]);
        let error = Plan::read(broken.path()).expect_err("no plan");
        assert!(error.to_string().contains("a/responses.json is not a recording"), "{error}");
    }
}
