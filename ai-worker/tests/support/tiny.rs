//! Models of a few nodes that tell red from green from blue, some of them with
//! a flaw that shows only on a bright image: the warm-up's is not.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

use super::onnx::{Attribute, Message, count_up, floats, model, node, truth};

pub const SIDE: usize = 8;
/// Flaws show where a channel is brighter than this.
pub const BRIGHT: f32 = 200.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Names the darkest channel.
    Contrary,
    NoNumberWhenBright,
    FailsWhenBright,
    HangsWhenBright,
    OneClassTooMany,
    BadHash,
    NoManifest,
    OtherTile,
}

/// Writes the model's folder; the manifest comes last.
pub fn write(models: &Path, name: &str, version: &str, flaw: Flaw) {
    let folder = models.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let side = if flaw == Flaw::OtherTile {
        2 * SIDE
    } else {
        SIDE
    };
    let graph = graph(flaw, side as u64);
    let labels = r#"{"classes":[{"name":"red","category":"colour"},{"name":"green","category":"colour"},
        {"name":"blue","category":"colour"}],"parents":{}}"#;
    // A version that is there may be read at any moment, so each has its own files.
    let graph_file = format!("{version}.onnx");
    let labels_file = format!("{version}.json");
    fs::write(folder.join(&graph_file), &graph).expect("a file");
    fs::write(folder.join(&labels_file), labels).expect("a file");
    let hash = |bytes: &[u8]| common::model::hex(Sha256::digest(bytes).as_slice());
    let graph_hash = if flaw == Flaw::BadHash {
        hash(b"")
    } else {
        hash(&graph)
    };
    let manifest = format!(
        r#"name = "{name}"
version = "{version}"
kind = "softmax"
licence = "Apache-2.0"
source = "a test"
[files]
graph = {{ path = "{graph_file}", sha256 = "{graph_hash}" }}
labels = {{ path = "{labels_file}", sha256 = "{}" }}
[input]
name = "image"
output = "scores"
width = {side}
height = {side}
fit = "stretch"
"#,
        hash(labels.as_bytes())
    );
    let text = if flaw == Flaw::NoManifest {
        format!("version {version}")
    } else {
        manifest
    };
    fs::write(folder.join("new"), text).expect("a file");
    fs::rename(folder.join("new"), folder.join("manifest.toml")).expect("renames");
}

/// A JPEG of one colour.
pub fn tile(rgb: [u8; 3]) -> Vec<u8> {
    super::encode(&rgb.repeat(SIDE * SIDE), SIDE, SIDE)
}

fn graph(flaw: Flaw, side: u64) -> Vec<u8> {
    let classes = if flaw == Flaw::OneClassTooMany { 4 } else { 3 };
    let sign = if matches!(flaw, Flaw::Contrary | Flaw::NoNumberWhenBright) {
        -0.1
    } else {
        0.1
    };
    let weights: Vec<f32> = (0..3)
        .flat_map(|row| (0..classes).map(move |column| if row == column { sign } else { 0.0 }))
        .collect();
    let mut constants = vec![
        floats("weights", &[3, classes], &weights),
        floats("bright", &[], &[BRIGHT]),
    ];
    let axes = || ("axes", Attribute::Ints(vec![1, 2]));
    let mut nodes = vec![
        node("Cast", &["image"], "pixels", &[("to", Attribute::Int(1))]),
        node(
            "ReduceMean",
            &["pixels"],
            "mean",
            &[axes(), ("keepdims", Attribute::Int(0))],
        ),
    ];
    let colour = colour(flaw, &mut nodes, &mut constants);
    nodes.push(node("MatMul", &[colour, "weights"], "logits", &[]));
    nodes.push(node(
        "Softmax",
        &["logits"],
        "scores",
        &[("axis", Attribute::Int(-1))],
    ));
    model(&nodes, &constants, (side, side), classes)
}

/// Adds what makes the flaw; answers the name of what the classes are told from.
fn colour(flaw: Flaw, nodes: &mut Vec<Message>, constants: &mut Vec<Message>) -> &'static str {
    let integer = || [("to", Attribute::Int(7))];
    match flaw {
        // The root of something negative.
        Flaw::NoNumberWhenBright => {
            nodes.push(node("Sub", &["bright", "mean"], "darkness", &[]));
            nodes.push(node("Sqrt", &["darkness"], "colour", &[]));
            "colour"
        }
        // The brightness is an index, and beyond the end.
        Flaw::FailsWhenBright => {
            constants.push(floats("nothing", &[201], &[0.0; 201]));
            nodes.push(node(
                "ReduceMax",
                &["mean"],
                "most",
                &[("keepdims", Attribute::Int(0))],
            ));
            nodes.push(node("Cast", &["most"], "index", &integer()));
            nodes.push(node("Gather", &["nothing", "index"], "zero", &[]));
            nodes.push(node("Add", &["mean", "zero"], "colour", &[]));
            "colour"
        }
        // A loop of some 10¹⁴ rounds.
        Flaw::HangsWhenBright => {
            constants.extend([
                floats("zero", &[], &[0.0]),
                floats("many", &[], &[1e13]),
                truth("go"),
            ]);
            nodes.push(node(
                "ReduceMax",
                &["mean"],
                "most",
                &[("keepdims", Attribute::Int(0))],
            ));
            nodes.push(node("Sub", &["most", "bright"], "excess", &[]));
            nodes.push(node("Mul", &["excess", "many"], "rounds", &[]));
            nodes.push(node("Max", &["rounds", "zero"], "trips", &[]));
            nodes.push(node("Cast", &["trips"], "trip_count", &integer()));
            nodes.push(node(
                "Loop",
                &["trip_count", "go", "zero"],
                "counted",
                &[("body", Attribute::Graph(count_up()))],
            ));
            nodes.push(node("Mul", &["counted", "zero"], "nil", &[]));
            nodes.push(node("Add", &["mean", "nil"], "colour", &[]));
            "colour"
        }
        _ => "mean",
    }
}
