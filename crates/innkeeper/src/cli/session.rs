//! What `list`, `show`, `set` and `delete` do, whatever the resource.

use innkeeper_control_api::{Changeable, Client, ControlError, ListFilter, Written};
use innkeeper_model::{ProjectId, Properties};

use super::{
    arguments::{ListArgs, OutputOptions},
    error::CliError,
    output::Shown,
    resolve,
};

/// One run of a resource command.
pub(crate) struct Session<'a> {
    pub(crate) client: &'a Client,
    pub(crate) output: &'a OutputOptions,
    /// The project's id, looked up.
    pub(crate) project: ProjectId,
}

impl Session<'_> {
    pub(crate) async fn find<R: Shown>(&self, given: &str) -> Result<R, CliError> {
        resolve::find(self.client, &self.project, given).await
    }

    pub(crate) async fn id_of<R: Shown>(&self, given: &str) -> Result<R::Id, CliError> {
        Ok(self.find::<R>(given).await?.id())
    }

    /// The id of one that may not be named at all.
    pub(crate) async fn id_of_any<R: Shown>(
        &self,
        given: Option<&str>,
    ) -> Result<Option<R::Id>, CliError> {
        match given {
            Some(given) => self.id_of::<R>(given).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn list<R: Shown>(&self, args: &ListArgs) -> Result<(), CliError> {
        self.output.list(&self.listed::<R>(args).await?)
    }

    pub(crate) async fn listed<R: Shown>(&self, args: &ListArgs) -> Result<Vec<R>, CliError> {
        let project_id = (!args.all_projects).then(|| self.project.clone());
        let filter = ListFilter { project_id, name: args.name.clone() };
        Ok(self.client.list::<R>(&filter).await?)
    }

    pub(crate) async fn show<R: Shown>(&self, given: &str) -> Result<(), CliError> {
        self.output.show(&self.find::<R>(given).await?)
    }

    /// Makes one, or finds the one of that name if that will do. Says whether it is new.
    pub(crate) async fn made<R: Shown>(
        &self,
        new: &R::New,
        name: &str,
        if_not_exists: bool,
    ) -> Result<(R, bool), CliError> {
        let (made, is_new) = self.made_with_warnings::<R>(new, name, if_not_exists).await?;
        Ok((made.resource, is_new))
    }

    /// As [`made`](Self::made), with what the control API warns of.
    pub(crate) async fn made_with_warnings<R: Shown>(
        &self,
        new: &R::New,
        name: &str,
        if_not_exists: bool,
    ) -> Result<(Written<R>, bool), CliError> {
        if if_not_exists && let Some(existing) = self.named::<R>(name).await? {
            return Ok((Written::silently(existing), false));
        }
        match self.client.create_with_warnings::<R>(new).await {
            Ok(made) => Ok((made, true)),
            // Somebody else may have been faster.
            Err(error @ ControlError::Refused { status, .. })
                if if_not_exists && status == http::StatusCode::CONFLICT =>
            {
                let existing = self.named::<R>(name).await?;
                existing
                    .map(|existing| (Written::silently(existing), false))
                    .ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn create<R: Shown>(
        &self,
        new: &R::New,
        name: &str,
        if_not_exists: bool,
    ) -> Result<(), CliError> {
        let (made, _) = self.made::<R>(new, name, if_not_exists).await?;
        self.output.show(&made)
    }

    pub(crate) async fn set<R: Shown + Changeable>(
        &self,
        given: &str,
        change: &R::Change,
    ) -> Result<(), CliError> {
        let id = self.id_of::<R>(given).await?;
        self.update::<R>(&id, change).await
    }

    pub(crate) async fn update<R: Shown + Changeable>(
        &self,
        id: &R::Id,
        change: &R::Change,
    ) -> Result<(), CliError> {
        self.output.show(&self.client.update::<R>(id, change).await?)
    }

    /// Deletes in order, and stops at the first that cannot be.
    pub(crate) async fn delete<R: Shown>(&self, names: &[String]) -> Result<(), CliError> {
        for given in names {
            let id = self.id_of::<R>(given).await?;
            self.client.delete::<R>(&id).await?;
            self.output.say(&format!("{} {given} deleted", R::KIND))?;
        }
        Ok(())
    }

    async fn named<R: Shown>(&self, name: &str) -> Result<Option<R>, CliError> {
        let filter =
            ListFilter { project_id: Some(self.project.clone()), name: Some(name.to_owned()) };
        Ok(self.client.list::<R>(&filter).await?.into_iter().next())
    }
}

/// Properties with some set and some taken away; `None` if nothing was asked for.
pub(crate) fn changed(
    mut properties: Properties,
    set: Vec<(String, String)>,
    unset: &[String],
) -> Option<Properties> {
    if set.is_empty() && unset.is_empty() {
        return None;
    }
    for key in unset {
        properties.shift_remove(key);
    }
    properties.extend(set);
    Some(properties)
}
