//! MariaDB with the schemas of Nova and Neutron, which take a minute to make and are therefore kept.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::{DIRECTORY, PATIENCE, log, service::await_port, tree::Tree};
use crate::peers::{contender::Component, stage::END};

const PORT: u16 = 3306;
/// What belongs to whom.
const DATABASES: [&str; 4] = ["nova_api", "nova", "nova_cell0", "neutron"];
/// How everybody reaches one.
const BY_TCP: &str = "mysql+pymysql://bench:bench@127.0.0.1:3306";

/// Makes the databases, or takes those of an earlier run, and leaves the server running.
pub(super) fn set_up(tree: &Tree) -> anyhow::Result<Component> {
    let data = data();
    let kept = tree.kept_database();
    if kept.exists() {
        copy(&kept, &data)?;
        return start(tree);
    }
    fs::create_dir_all(&data)?;
    let install = tree.program([
        "mariadb-install-db",
        "--no-defaults",
        "--user=root",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    install.run([format!("--datadir={}", data.display())]).context("make an empty database")?;
    let mut server = start(tree)?;
    make_schemas(tree)?;
    // A copy of files that nobody writes.
    server.process.terminate(END)?;
    let unfinished = kept.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    copy(&data, &unfinished)?;
    fs::rename(&unfinished, &kept)?;
    start(tree)
}

/// Starts the server.
pub(super) fn start(tree: &Tree) -> anyhow::Result<Component> {
    let program = tree.program(["mariadbd", "--no-defaults", "--user=root"]);
    let words = [
        format!("--datadir={}", data().display()),
        format!("--socket={DIRECTORY}/mysql.sock"),
        format!("--pid-file={DIRECTORY}/mysql.pid"),
        format!("--port={PORT}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--innodb-buffer-pool-size=256M".to_owned(),
        "--max-connections=1000".to_owned(),
        "--character-set-server=utf8mb3".to_owned(),
        "--collation-server=utf8mb3_general_ci".to_owned(),
    ];
    let component = Component::new("mariadb", program.start(words, &log("mariadb"))?);
    let opened = await_port(PORT, PATIENCE);
    opened.with_context(|| format!("mariadbd said: {}", component.process.log()))?;
    Ok(component)
}

fn make_schemas(tree: &Tree) -> anyhow::Result<()> {
    let mut sql = String::new();
    for name in DATABASES {
        sql += &format!("CREATE DATABASE {name} CHARACTER SET utf8mb3; ");
        for host in ["127.0.0.1", "localhost"] {
            sql += &format!("GRANT ALL ON {name}.* TO 'bench'@'{host}' IDENTIFIED BY 'bench'; ");
        }
    }
    let socket = format!("--socket={DIRECTORY}/mysql.sock");
    tree.program(["mariadb", "--no-defaults", "-uroot", "-e", &sql])
        .run([&socket])
        .context("make OpenStack's databases")?;

    let nova = format!("{DIRECTORY}/etc/nova.conf");
    let manage = tree.program(["nova-manage", "--config-file", &nova]);
    let cell0 = format!("{BY_TCP}/nova_cell0?charset=utf8");
    let cell1 = format!("{BY_TCP}/nova?charset=utf8");
    let transport = "rabbit://bench:bench@127.0.0.1:5672/";
    let steps: [&[&str]; 4] = [
        &["api_db", "sync"],
        &["cell_v2", "map_cell0", "--database_connection", &cell0],
        &["db", "sync"],
        &[
            "cell_v2",
            "create_cell",
            "--name",
            "cell1",
            "--transport-url",
            transport,
            "--database_connection",
            &cell1,
        ],
    ];
    for step in steps {
        manage.run(step).with_context(|| format!("nova-manage {}", step.join(" ")))?;
    }
    let neutron = format!("{DIRECTORY}/etc/neutron.conf");
    tree.program(["neutron-db-manage", "--config-file", &neutron])
        .run(["upgrade", "heads"])
        .context("make Neutron's tables")?;
    Ok(())
}

fn data() -> PathBuf {
    Path::new(DIRECTORY).join("mysql")
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp").arg("-aT").args([from, to]).status().context("run cp")?;
    ensure!(status.success(), "cp could not copy {} to {}", from.display(), to.display());
    Ok(())
}
