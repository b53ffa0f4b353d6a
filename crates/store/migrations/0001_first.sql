-- Ids are canonical UUID text, addresses are their 4 or 16 bytes (so that their order is numeric
-- order), `seq` keeps the order of creation, JSON columns hold what is never searched.

CREATE TABLE projects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE key_pairs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE flavors (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    vcpus INTEGER NOT NULL,
    ram_mib INTEGER NOT NULL,
    disk_gib INTEGER NOT NULL,
    extra_specs TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE images (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    file TEXT,
    disk_format TEXT NOT NULL,
    kernel_id TEXT REFERENCES images (id),
    ramdisk_id TEXT REFERENCES images (id),
    properties TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;
CREATE INDEX images_kernel ON images (kernel_id);
CREATE INDEX images_ramdisk ON images (ramdisk_id);

CREATE TABLE networks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    mtu INTEGER,
    bridge TEXT,
    force_metadata INTEGER NOT NULL,
    isolated_metadata INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE subnets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    network_id TEXT NOT NULL REFERENCES networks (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    cidr TEXT NOT NULL,
    gateway BLOB,
    dns_nameservers TEXT NOT NULL,
    host_routes TEXT NOT NULL,
    enable_dhcp INTEGER NOT NULL,
    ipv6_address_mode TEXT,
    ipv6_ra_mode TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, name),
    -- What the addresses' foreign key points at: an address cannot be of another network's subnet.
    UNIQUE (network_id, id)
) STRICT;

CREATE TABLE routers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE instances (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    user_id TEXT,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    flavor TEXT NOT NULL,
    image_id TEXT,
    kernel_id TEXT,
    ramdisk_id TEXT,
    availability_zone TEXT,
    launch_index INTEGER NOT NULL,
    reservation_id TEXT NOT NULL,
    key_pair TEXT,
    user_data TEXT,
    metadata TEXT NOT NULL,
    personality TEXT NOT NULL,
    admin_password TEXT,
    root_device_name TEXT,
    default_ephemeral_device TEXT,
    default_swap_device TEXT,
    block_devices TEXT NOT NULL,
    devices TEXT NOT NULL,
    numa_cells TEXT NOT NULL,
    config_drive INTEGER NOT NULL,
    power_state TEXT NOT NULL,
    launched_at INTEGER,
    guest_password TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
CREATE INDEX instances_project ON instances (project_id);

CREATE TABLE ports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    network_id TEXT NOT NULL REFERENCES networks (id),
    name TEXT NOT NULL,
    mac TEXT NOT NULL,
    security_groups TEXT NOT NULL,
    tag TEXT,
    instance_id TEXT REFERENCES instances (id),
    attach_order INTEGER,
    -- 1: made together with its instance, and deleted with it.
    made_for_instance INTEGER NOT NULL,
    router_id TEXT REFERENCES routers (id),
    -- Its own network's id on a DHCP port, null on others: at most one DHCP port per network.
    dhcp_network_id TEXT UNIQUE REFERENCES networks (id),
    created_at INTEGER NOT NULL,
    UNIQUE (network_id, mac),
    UNIQUE (network_id, id),
    CHECK ((instance_id IS NOT NULL) + (router_id IS NOT NULL) + (dhcp_network_id IS NOT NULL) <= 1),
    CHECK (dhcp_network_id IS NULL OR dhcp_network_id = network_id)
) STRICT;
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_instance ON ports (instance_id, attach_order);
CREATE INDEX ports_router ON ports (router_id);

CREATE TABLE fixed_ips (
    network_id TEXT NOT NULL REFERENCES networks (id),
    address BLOB NOT NULL,
    subnet_id TEXT NOT NULL,
    port_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (network_id, address),
    FOREIGN KEY (network_id, subnet_id) REFERENCES subnets (network_id, id),
    FOREIGN KEY (network_id, port_id) REFERENCES ports (network_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fixed_ips_port ON fixed_ips (port_id, position);
CREATE INDEX fixed_ips_subnet ON fixed_ips (subnet_id, address);

-- A subnet is on one router at most: the primary key.
CREATE TABLE router_subnets (
    subnet_id TEXT NOT NULL PRIMARY KEY REFERENCES subnets (id),
    router_id TEXT NOT NULL REFERENCES routers (id),
    port_id TEXT NOT NULL UNIQUE REFERENCES ports (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX router_subnets_router ON router_subnets (router_id);

CREATE TABLE floating_ips (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    address BLOB NOT NULL UNIQUE,
    port_id TEXT REFERENCES ports (id),
    fixed_address BLOB,
    created_at INTEGER NOT NULL,
    CHECK ((port_id IS NULL) = (fixed_address IS NULL))
) STRICT;
CREATE INDEX floating_ips_project ON floating_ips (project_id);
CREATE INDEX floating_ips_port ON floating_ips (port_id);

-- No foreign keys: a number outlives what it was given to and is never given again.
CREATE TABLE ec2_instance_ids (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE ec2_image_ids (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    description TEXT NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE topology (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO topology (only, generation) VALUES (1, 1);

INSERT INTO projects (id, name, description, created_at)
VALUES ('default', 'default', 'Where things go unless a project is named', unixepoch());
