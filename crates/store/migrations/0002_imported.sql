-- What an imported machine has that no other table could give: Nova's own words.
CREATE TABLE imported_instances (
    instance_id TEXT NOT NULL PRIMARY KEY REFERENCES instances (id),
    network_info TEXT NOT NULL,
    security_groups TEXT NOT NULL,
    -- Null: Nova had numbered nothing, so our own numbers are used.
    ec2_ids TEXT,
    ec2_key TEXT,
    display_name TEXT,
    boot_roles TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose address it is on an imported machine's network. An interface without an address has one row
-- without one: its MAC address is known all the same. Its network need not be one of ours.
CREATE TABLE imported_addresses (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL REFERENCES imported_instances (instance_id),
    port_id TEXT NOT NULL,
    network_id TEXT NOT NULL,
    mac TEXT,
    address BLOB
) STRICT;
CREATE INDEX imported_addresses_instance ON imported_addresses (instance_id);
CREATE INDEX imported_addresses_address ON imported_addresses (address, network_id);
CREATE INDEX imported_addresses_network ON imported_addresses (network_id, mac);

-- For address lookups that name no network.
CREATE INDEX fixed_ips_address ON fixed_ips (address);

-- No foreign key: imported machines may be on networks that are not ours.
CREATE TABLE provider_networks (
    provider TEXT NOT NULL,
    network_id TEXT NOT NULL,
    PRIMARY KEY (provider, network_id)
) STRICT, WITHOUT ROWID;
