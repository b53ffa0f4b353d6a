"""Writes haproxy's configuration for a router as Neutron's own agent does."""
import sys

from neutron.agent.metadata.driver import HaproxyConfigurator
from neutron.common import config

config.register_common_config_options()
config.init(['--config-file', '/run/openstack/etc/neutron.conf'])
HaproxyConfigurator(
    None, sys.argv[1], '/run/openstack/metadata_proxy', '::', int(sys.argv[2]), 'root', 'root',
    '/run/openstack/neutron', '/run/openstack/haproxy.pid').create_config_file()
