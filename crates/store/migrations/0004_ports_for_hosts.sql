-- What hosts ask of ports: DHCP options of their own, and which of them are routers' and DHCP servers'.

ALTER TABLE ports ADD COLUMN extra_dhcp_opts TEXT NOT NULL DEFAULT '[]';

-- The topology is read often, and shows only these few of what may be a million ports.
CREATE INDEX ports_infrastructure ON ports (seq)
    WHERE router_id IS NOT NULL OR dhcp_network_id IS NOT NULL;
