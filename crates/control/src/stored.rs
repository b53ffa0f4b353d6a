//! Which methods of the store stand behind each resource.

use std::{future::Future, str::FromStr};

use innkeeper_control_api::{Changeable, Resource};
use innkeeper_model::{
    Flavor, FloatingIp, Image, Instance, Invalid, Network, Port, Project, ProjectId, Router, Subnet,
};
use innkeeper_store::{Store, StoreError};

type Stored1<T> = Result<T, StoreError>;

/// A resource that the store keeps under one id.
pub(crate) trait Stored:
    Changeable<Id: FromStr<Err = Invalid>> + Resource + 'static
{
    fn list(
        store: &Store,
        project: Option<&ProjectId>,
    ) -> impl Future<Output = Stored1<Vec<Self>>> + Send;
    fn create(store: &Store, new: Self::New) -> impl Future<Output = Stored1<Self>> + Send;
    fn fetch(store: &Store, id: Self::Id) -> impl Future<Output = Stored1<Self>> + Send;
    fn update(
        store: &Store,
        id: Self::Id,
        change: Self::Change,
    ) -> impl Future<Output = Stored1<Self>> + Send;
    fn delete(store: &Store, id: Self::Id) -> impl Future<Output = Stored1<()>> + Send;
}

macro_rules! stored {
    ($name:ident: |$store:ident, $project:ident| $list:expr, $create:ident,
     |$id:ident| $fetch:ident $update:ident $delete:ident ($given:expr)) => {
        impl Stored for $name {
            async fn list($store: &Store, $project: Option<&ProjectId>) -> Stored1<Vec<Self>> {
                $list.await
            }

            async fn create(store: &Store, new: Self::New) -> Stored1<Self> {
                store.$create(new).await
            }

            async fn fetch(store: &Store, $id: Self::Id) -> Stored1<Self> {
                store.$fetch($given).await
            }

            async fn update(store: &Store, $id: Self::Id, change: Self::Change) -> Stored1<Self> {
                store.$update($given, change).await
            }

            async fn delete(store: &Store, $id: Self::Id) -> Stored1<()> {
                store.$delete($given).await
            }
        }
    };
}

stored!(Project: |store, _project| store.project_list(), project_create,
    |id| project_fetch project_update project_delete (&id));
stored!(Flavor: |store, _project| store.flavor_list(), flavor_create,
    |id| flavor_fetch flavor_update flavor_delete (&id));
stored!(Image: |store, project| store.image_list(project), image_create,
    |id| image_fetch image_update image_delete (id));
stored!(Network: |store, project| store.network_list(project), network_create,
    |id| network_fetch network_update network_delete (id));
stored!(Subnet: |store, project| store.subnet_list(project), subnet_create,
    |id| subnet_fetch subnet_update subnet_delete (id));
stored!(Router: |store, project| store.router_list(project), router_create,
    |id| router_fetch router_update router_delete (id));
stored!(Port: |store, project| store.port_list(project), port_create,
    |id| port_fetch port_update port_delete (id));
stored!(FloatingIp: |store, project| store.floating_ip_list(project), floating_ip_create,
    |id| floating_ip_fetch floating_ip_update floating_ip_delete (id));
stored!(Instance: |store, project| store.instance_list(project), instance_create,
    |id| instance_fetch instance_update instance_delete (id));
