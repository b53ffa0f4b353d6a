//! The OpenAPI document: paths from the table of endpoints, schemas from the types themselves.

use innkeeper_model as model;
use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;

use crate::{
    Access, Answer, Endpoint, ErrorBody, GUEST_REASON_HEADER, Operation, RouterInterface,
    TOPOLOGY_WAIT_MAX,
};

/// The OpenAPI 3.1 document of this version's control API.
pub fn openapi_document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Innkeeper control API",
            "description": "What operators and hosts ask of Innkeeper. On the Unix socket the \
                file's permission decides who may; on TCP a bearer token does, with scope admin \
                or, where noted, agent.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths(),
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    })
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(
    model::Project,
    model::NewProject,
    model::ProjectChange,
    model::KeyPair,
    model::NewKeyPair,
    model::Flavor,
    model::NewFlavor,
    model::FlavorChange,
    model::Image,
    model::NewImage,
    model::ImageChange,
    model::Network,
    model::NewNetwork,
    model::NetworkChange,
    model::Subnet,
    model::NewSubnet,
    model::SubnetChange,
    model::Router,
    model::NewRouter,
    model::RouterChange,
    RouterInterface,
    model::Port,
    model::NewPort,
    model::PortChange,
    model::FloatingIp,
    model::NewFloatingIp,
    model::FloatingIpChange,
    model::Instance,
    model::ImportedInstance,
    model::MetadataProvider,
    crate::Written<model::Instance>,
    crate::GuestPassword,
    crate::KeepConfigDrive,
    crate::ConfigDrive,
    model::NewInstance,
    model::InstanceChange,
    model::Origin,
    model::PortOwner,
    crate::DhcpClient,
    model::DhcpBinding,
    crate::PortPrefixes,
    model::PluggedPort,
    model::Topology,
    ErrorBody,
)))]
struct Schemas;

fn schemas() -> Value {
    let document = serde_json::to_value(Schemas::openapi()).expect("schemas are plain JSON");
    document["components"]["schemas"].clone()
}

fn paths() -> Value {
    let mut paths = Map::new();
    for operation in Operation::ALL {
        let endpoint = operation.endpoint();
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        item[endpoint.method.as_str().to_ascii_lowercase()] = describe(&endpoint);
    }
    paths.into()
}

fn describe(endpoint: &Endpoint) -> Value {
    let tag = endpoint.path.split('/').nth(2).unwrap_or_default();
    let scope = match endpoint.access {
        Access::Admin => "Token scope: admin.",
        Access::Agent => "Token scope: admin or agent.",
    };
    let mut described = json!({
        "operationId": endpoint.operation.name(),
        "tags": [tag.trim_end_matches(".json")],
        "summary": endpoint.summary,
        "description": scope,
        "parameters": parameters(endpoint),
        "responses": {
            success_status(endpoint.answer): success(endpoint.answer),
            "default": json_response("Refused or failed", &reference("ErrorBody")),
        },
    });
    if let Some(name) = endpoint.takes {
        described["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": reference(name)}},
        });
    }
    described
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = endpoint
        .path
        .split(['{', '}'])
        .skip(1)
        .step_by(2)
        .map(|name| parameter(name, "path", true, &json!({"type": "string"}), None));
    let mut parameters: Vec<Value> = in_path.collect();
    let mut in_query = |name: &str, required: bool, schema: &Value, description: &str| {
        parameters.push(parameter(name, "query", required, schema, Some(description)));
    };
    let text = json!({"type": "string"});
    match endpoint.operation {
        Operation::InstanceMetadata => {
            in_query("path", true, &text, "for example /openstack/latest/meta_data.json");
        }
        Operation::InstanceConfigDriveImage => {
            let formats = json!({"type": "string", "enum": ["iso9660", "vfat", "vhd"]});
            in_query("format", false, &formats, "make one now in this format, and keep nothing");
            in_query("seed", false, &text, "with format: what its random bytes are made of");
        }
        Operation::TopologyFetch => {
            let number = json!({"type": "integer", "minimum": 0});
            in_query("after", false, &number, "wait for a generation that differs from this one");
            let seconds =
                json!({"type": "integer", "minimum": 0, "maximum": TOPOLOGY_WAIT_MAX.as_secs()});
            in_query("wait_seconds", false, &seconds, "how long to wait; 0 otherwise");
        }
        operation if operation.lists() => {
            in_query("name", false, &text, "only those with exactly this name");
            in_query("project_id", false, &text, "only those of this project, where one has one");
        }
        _ => {}
    }
    parameters
}

fn parameter(
    name: &str,
    place: &str,
    required: bool,
    schema: &Value,
    description: Option<&str>,
) -> Value {
    let mut parameter = json!({"name": name, "in": place, "required": required, "schema": schema});
    if let Some(description) = description {
        parameter["description"] = description.into();
    }
    parameter
}

fn success_status(answer: Answer) -> &'static str {
    match answer {
        Answer::One(_) | Answer::Many(_) | Answer::Image | Answer::Document => "200",
        Answer::Created(_) => "201",
        Answer::Nothing => "204",
        // The guest's own status, whatever it is, unless it is one of ErrorBody.
        Answer::Guest => "200",
    }
}

fn success(answer: Answer) -> Value {
    match answer {
        Answer::One(name) => json_response("It", &reference(name)),
        Answer::Created(name) => json_response("The new one", &reference(name)),
        Answer::Many(name) => {
            json_response("All of them", &json!({"type": "array", "items": reference(name)}))
        }
        Answer::Document => json_response("This document", &json!({"type": "object"})),
        Answer::Image => json!({
            "description": "The image",
            "content": {"application/octet-stream": {}},
        }),
        Answer::Nothing => json!({"description": "Done"}),
        Answer::Guest => json!({
            "description": "Status, content type and body as the guest would get them; other \
                statuses than 200 too, told from this API's own errors by the header",
            "headers": {GUEST_REASON_HEADER: {
                "description": "The stable reason code",
                "schema": {"type": "string"},
            }},
            "content": {"*/*": {}},
        }),
    }
}

fn json_response(description: &str, schema: &Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
