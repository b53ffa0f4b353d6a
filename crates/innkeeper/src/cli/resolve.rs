//! From what an operator typed to the resource that is meant.

use innkeeper_control_api::{Client, ControlError, ListFilter, Resource};
use innkeeper_model::{Project, ProjectId};

use super::{error::CliError, output::Shown};

/// The one that `given` names: by name or id within `project`, or by id anywhere.
pub(crate) async fn find<R: Shown>(
    client: &Client,
    project: &ProjectId,
    given: &str,
) -> Result<R, CliError> {
    let owned = ListFilter { project_id: Some(project.clone()), name: None };
    let mut all = client.list::<R>(&owned).await?;
    match choose(&all, given) {
        Choice::One(index) => Ok(all.swap_remove(index)),
        Choice::Several(ids) => Err(several::<R>(given, &ids)),
        Choice::None => match R::parse_id(given) {
            Some(id) => client.fetch::<R>(&id).await.map_err(|error| match error {
                ControlError::Refused { status, .. } if status == 404 => nobody(&all, given),
                error => error.into(),
            }),
            None => Err(nobody(&all, given)),
        },
    }
}

/// The project that `given` names.
pub(crate) async fn find_project(client: &Client, given: &str) -> Result<Project, CliError> {
    let mut all = client.list::<Project>(&ListFilter::default()).await?;
    match choose(&all, given) {
        Choice::One(index) => Ok(all.swap_remove(index)),
        Choice::Several(ids) => Err(several::<Project>(given, &ids)),
        Choice::None => Err(nobody(&all, given)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Choice {
    One(usize),
    Several(Vec<String>),
    None,
}

/// An id means itself even if another resource is named like it.
fn choose<R: Resource>(all: &[R], given: &str) -> Choice {
    if let Some(index) = all.iter().position(|one| one.id().to_string() == given) {
        return Choice::One(index);
    }
    let named: Vec<_> = (0..all.len()).filter(|index| all[*index].name() == given).collect();
    match named.as_slice() {
        [] => Choice::None,
        [index] => Choice::One(*index),
        several => {
            Choice::Several(several.iter().map(|index| all[*index].id().to_string()).collect())
        }
    }
}

fn several<R: Resource>(given: &str, ids: &[String]) -> CliError {
    let count = ids.len();
    CliError::Ambiguous(format!(
        "{count} {kind}s are named \"{given}\": name one by its id: {}",
        ids.join(", "),
        kind = R::KIND
    ))
}

fn nobody<R: Resource>(all: &[R], given: &str) -> CliError {
    let distance = |name: &String| strsim::damerau_levenshtein(name, given);
    let names = all.iter().map(R::name).filter(|name| !name.is_empty());
    // A name is taken for a slip if a third of it, but at least one letter, would have to change.
    let slip = (given.chars().count() / 3).max(1);
    let nearest = names.filter(|name| distance(name) <= slip).min_by_key(distance);
    let advice = nearest.map_or_else(String::new, |name| format!(" Did you mean \"{name}\"?"));
    CliError::NotFound(format!(
        "there is no {kind} \"{}\".{advice} See `innkeeper {command} list`",
        given.escape_debug(),
        kind = R::KIND,
        command = R::COMMAND
    ))
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{Router, RouterId};

    use super::*;

    fn router(name: &str) -> Router {
        Router {
            id: RouterId::random(),
            project_id: "p1".parse().expect("an id"),
            name: name.to_owned(),
            created_at: 0,
        }
    }

    #[test]
    fn an_id_comes_before_a_name() {
        let mut all = vec![router("blue"), router("red")];
        all[0].name = all[1].id.to_string();
        assert_eq!(choose(&all, &all[1].id.to_string()), Choice::One(1));
        assert_eq!(choose(&all, "red"), Choice::One(1));
    }

    #[test]
    fn several_of_one_name_are_listed_by_id() {
        let all = [router("blue"), router("red"), router("blue")];
        let ids = vec![all[0].id.to_string(), all[2].id.to_string()];
        assert_eq!(choose(&all, "blue"), Choice::Several(ids.clone()));
        let text = several::<Router>("blue", &ids).to_string();
        assert!(text.contains(&ids[0]) && text.contains(&ids[1]), "{text}");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let all = [router("blue"), router("red")];
        let text = nobody(&all, "bleu").to_string();
        assert!(text.contains("Did you mean \"blue\"?"), "{text}");
        assert!(text.contains("`innkeeper router list`"), "{text}");
        assert!(!nobody(&all, "green").to_string().contains("mean"));
    }
}
