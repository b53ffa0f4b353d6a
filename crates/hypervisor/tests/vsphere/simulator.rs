//! The simulator: built once from Debian's packages, started for each test.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Where Debian's package golang-github-vmware-govmomi-dev puts its sources.
const GO_PATH: &str = "/usr/share/gocode";

/// A running vCenter without anything behind it; it ends with this value.
pub(crate) struct Simulator {
    child: Child,
    address: String,
    directory: tempfile::TempDir,
    /// The simulator ends when this does.
    _stdin: ChildStdin,
}

impl Simulator {
    pub(crate) fn start() -> Self {
        // It keeps its datastores under the directory for temporary files.
        let directory = tempfile::tempdir().expect("a directory");
        let (certificate, key) = certificates(directory.path());
        let mut child = Command::new(program())
            .args([certificate, key])
            .env("TMPDIR", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator starts");
        let stdin = child.stdin.take().expect("piped");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines.next().expect("it prints its address").expect("text");
        Self { child, address, directory, _stdin: stdin }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The file with the authority that made its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// A file of a datastore, as the simulator keeps it.
    pub(crate) fn file(&self, datastore: &str, file: &str) -> Vec<u8> {
        let path = file.strip_prefix(&format!("[{datastore}] ")).expect("on that datastore");
        let directories = fs::read_dir(self.directory.path()).expect("there");
        let found = directories.filter_map(|entry| Some(entry.ok()?.path().join(path)));
        let found: Vec<_> = found.filter(|path| path.is_file()).collect();
        assert_eq!(found.len(), 1, "{path} in {}", self.directory.path().display());
        fs::read(&found[0]).expect("readable")
    }

    /// How many CD-ROM drives of a machine hold `file`.
    pub(crate) fn cdroms_with(&self, machine: &str, file: &str) -> usize {
        let devices = self.property(machine, "config.hardware.device");
        let file = format!("<fileName>{file}</fileName>");
        let cdroms = devices.split("<VirtualDevice ").filter(|it| it.contains("VirtualCdrom"));
        cdroms.filter(|device| device.contains(&file)).count()
    }

    /// A machine's instance UUID.
    pub(crate) fn uuid_of(&self, machine: &str) -> String {
        let answer = self.property(machine, "config.instanceUuid");
        let text = answer.split("</val>").next().unwrap_or_default();
        text.rsplit('>').next().unwrap_or_default().to_owned()
    }

    /// Asked by curl, so that the adapter does not vouch for itself.
    fn property(&self, machine: &str, name: &str) -> String {
        let cookies = self.directory.path().join("cookies");
        self.soap(
            &cookies,
            "<Login xmlns=\"urn:vim25\"><_this type=\"SessionManager\">SessionManager</_this>\
             <userName>user</userName><password>pass</password></Login>",
        );
        let found = self.soap(
            &cookies,
            &format!(
                "<FindByInventoryPath xmlns=\"urn:vim25\">\
                 <_this type=\"SearchIndex\">SearchIndex</_this>\
                 <inventoryPath>{machine}</inventoryPath></FindByInventoryPath>"
            ),
        );
        let id = found.split("</returnval>").next().unwrap_or_default();
        let id = id.rsplit('>').next().unwrap_or_default();
        self.soap(
            &cookies,
            &format!(
                "<RetrieveProperties xmlns=\"urn:vim25\">\
                 <_this type=\"PropertyCollector\">propertyCollector</_this><specSet><propSet>\
                 <type>VirtualMachine</type><pathSet>{name}</pathSet></propSet><objectSet>\
                 <obj type=\"VirtualMachine\">{id}</obj></objectSet></specSet></RetrieveProperties>"
            ),
        )
    }

    fn soap(&self, cookies: &Path, body: &str) -> String {
        let envelope = format!(
            "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body>{body}</Body>\
             </Envelope>"
        );
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--insecure", "--max-time", "30"])
            .arg("--cookie-jar")
            .arg(cookies)
            .arg("--cookie")
            .arg(cookies)
            .args(["--data-binary", &envelope])
            .arg(format!("https://{}/sdk", self.address))
            .output()
            .expect("curl is installed (./x setup)");
        assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // A child that has ended already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority and, made by it, the simulator's certificate and key.
fn certificates(directory: &Path) -> (PathBuf, PathBuf) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).expect("signed");
    let issuer = Issuer::new(parameters, authority_key);
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = parameters.signed_by(&key, &issuer).expect("signed");
    let file = |name: &str, pem: String| {
        let path = directory.join(name);
        fs::write(&path, pem).expect("written");
        path
    };
    file("authority.pem", authority.pem());
    (file("certificate.pem", certificate.pem()), file("key.pem", key.serialize_pem()))
}

/// The simulator's program, built if it was not yet. Go keeps what it compiled, so that only the
/// first build takes its time.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let program = directory.join("vsphere-simulator");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vsphere/simulator.go");
        let library = Path::new(GO_PATH).join("src/github.com/vmware/govmomi/simulator");
        assert!(
            library.is_dir(),
            "{} is not there: `./x setup` installs golang-github-vmware-govmomi-dev",
            library.display()
        );
        // Built beside and moved into place: another run may be using the one that is there.
        let fresh = directory.join(format!("vsphere-simulator.{}", std::process::id()));
        let output = Command::new("go")
            .args(["build", "-o"])
            .arg(&fresh)
            .arg(source)
            .env("GO111MODULE", "off")
            .env("GOPATH", GO_PATH)
            .env("GOFLAGS", "")
            .env("GOCACHE", directory.join("go-cache"))
            .output()
            .expect("go is installed (./x setup)");
        assert!(output.status.success(), "go: {}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &program).expect("moved");
        program
    })
}
