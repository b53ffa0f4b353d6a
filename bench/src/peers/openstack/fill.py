"""One instance behind one router: in Neutron by its API, in Nova's database by Nova's own objects.

Takes a JSON object with address, mac, cidr, gateway, public_key and user_data; prints one with the
ids of what it made.
"""
import json
import sys
import uuid

import requests

from nova import config
from nova import context
from nova import objects
from nova.network import model

NEUTRON = 'http://127.0.0.1:9696/v2.0'
PROJECT = uuid.uuid4().hex
USER = uuid.uuid4().hex


def neutron(method, path, **body):
    headers = {'X-Auth-Token': 'any', 'X-Project-Id': PROJECT, 'X-Roles': 'admin'}
    answer = requests.request(method, f'{NEUTRON}/{path}', json=body, headers=headers, timeout=120)
    if not answer.ok:
        sys.exit(f'{method} {path}: {answer.status_code} {answer.text}')
    return answer.json()


def make(path, kind, **fields):
    return neutron('POST', path, **{kind: dict(fields, tenant_id=PROJECT)})[kind]


def plug_in(wanted, instance):
    network = make('networks', 'network', name='lan')
    subnet = make('subnets', 'subnet', network_id=network['id'], ip_version=4,
                  cidr=wanted['cidr'], gateway_ip=wanted['gateway'])
    router = make('routers', 'router', name='edge')
    neutron('PUT', f"routers/{router['id']}/add_router_interface", subnet_id=subnet['id'])
    port = make('ports', 'port', network_id=network['id'], device_id=instance,
                device_owner='compute:nova', mac_address=wanted['mac'],
                fixed_ips=[{'subnet_id': subnet['id'], 'ip_address': wanted['address']}])
    return router['id'], network['id'], port['id']


def network_info(wanted, network, port):
    subnet = model.Subnet(
        cidr=wanted['cidr'],
        gateway=model.IP(address=wanted['gateway'], type='gateway'),
        ips=[model.FixedIP(address=wanted['address'])],
        dns=[], routes=[], dhcp_server='10.0.0.2')
    lan = model.Network(id=network, bridge='br-int', label='lan', subnets=[subnet], mtu=1450)
    return model.NetworkInfo([model.VIF(
        id=port, address=wanted['mac'], network=lan, type='ovs', devname=f'tap{port[:11]}',
        vnic_type='normal', active=True)])


def instance_of(cell_context, wanted, identity):
    instance = objects.Instance(
        cell_context, uuid=identity, project_id=PROJECT, user_id=USER, hostname='web0',
        display_name='web0', launch_index=0, reservation_id='r-bench001',
        availability_zone='nova', image_ref=str(uuid.uuid4()), key_name='bench',
        key_data=wanted['public_key'], user_data=wanted['user_data'],
        metadata={'role': 'web', 'number': '0'}, system_metadata={},
        root_device_name='/dev/vda', vm_state='active', power_state=1, host='bench', node='bench',
        memory_mb=512, vcpus=1, root_gb=1, ephemeral_gb=0)
    instance.flavor = objects.Flavor(
        cell_context, id=1, name='m1.small', flavorid='1', memory_mb=512, vcpus=1, root_gb=1,
        ephemeral_gb=0, swap=0, rxtx_factor=1.0, vcpu_weight=0, disabled=False, is_public=True,
        extra_specs={})
    instance.old_flavor = instance.new_flavor = None
    instance.keypairs = objects.KeyPairList(objects=[objects.KeyPair(
        cell_context, user_id=USER, name='bench', type='ssh', public_key=wanted['public_key'],
        fingerprint='00')])
    return instance


def fill(wanted):
    identity = str(uuid.uuid4())
    router, network, port = plug_in(wanted, identity)
    admin = context.get_admin_context()
    cells = objects.CellMappingList.get_all(admin)
    cell = [cell for cell in cells if cell.name == 'cell1'][0]
    objects.InstanceMapping(
        admin, instance_uuid=identity, project_id=PROJECT, user_id=USER, cell_mapping=cell,
        queued_for_delete=False).create()
    with context.target_cell(admin, cell) as cell_context:
        instance_of(cell_context, wanted, identity).create()
        cache = objects.InstanceInfoCache.get_by_instance_uuid(cell_context, identity)
        cache.network_info = network_info(wanted, network, port)
        cache.save()
        objects.BlockDeviceMapping(
            cell_context, instance_uuid=identity, source_type='image', destination_type='local',
            device_name='/dev/vda', boot_index=0, delete_on_termination=True, device_type='disk',
            disk_bus='virtio', connection_info='{}').create()
    print(json.dumps({'router': router, 'network': network, 'port': port, 'instance': identity,
                      'project': PROJECT}))


config.parse_args(['fill', '--config-file', '/run/openstack/etc/nova.conf'])
objects.register_all()
fill(json.loads(sys.argv[1]))
