//! ONNX graphs of a few nodes, written field by field. The numbers are those
//! of onnx.proto.

const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT64: u64 = 7;
const BOOL: u64 = 9;

/// A protobuf message under construction.
#[derive(Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn all<'a>(self, field: u64, messages: impl IntoIterator<Item = &'a Message>) -> Self {
        messages
            .into_iter()
            .fold(self, |message, part| message.bytes(field, &part.0))
    }
}

pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Graph(Message),
}

pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> Message {
    let named = inputs
        .iter()
        .fold(Message::default(), |node, input| node.text(1, input));
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(name, value)| attribute(name, value))
        .collect();
    output
        .split(' ')
        .fold(named, |node, output| node.text(2, output))
        .text(4, op)
        .all(5, &attributes)
}

fn attribute(name: &str, value: &Attribute) -> Message {
    let named = Message::default().text(1, name);
    match value {
        Attribute::Int(int) => named.number(3, *int as u64).number(20, 2),
        Attribute::Ints(ints) => ints
            .iter()
            .fold(named, |message, int| message.number(8, *int as u64))
            .number(20, 7),
        Attribute::Graph(graph) => named.bytes(6, &graph.0).number(20, 5),
    }
}

pub fn floats(name: &str, shape: &[u64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let tensor = shape
        .iter()
        .fold(Message::default(), |tensor, side| tensor.number(1, *side));
    tensor.number(2, FLOAT).text(8, name).bytes(9, &raw)
}

pub fn truth(name: &str) -> Message {
    Message::default()
        .number(2, BOOL)
        .text(8, name)
        .bytes(9, &[1])
}

fn value(name: &str, kind: u64, shape: &[Option<u64>]) -> Message {
    let side = |side: &Option<u64>| match side {
        Some(side) => Message::default().number(1, *side),
        None => Message::default().text(2, "n"),
    };
    let sides: Vec<_> = shape.iter().map(side).collect();
    let shape = Message::default().all(1, &sides);
    let tensor = Message::default().number(1, kind).bytes(2, &shape.0);
    Message::default()
        .text(1, name)
        .bytes(2, &Message::default().bytes(1, &tensor.0).0)
}

/// `for _ in 0..trips { x += 1 }`, as the body of a `Loop`.
pub fn count_up() -> Message {
    let nodes = [
        node("Identity", &["go_in"], "go_out", &[]),
        node("Add", &["x_in", "one"], "x_out", &[]),
    ];
    let inputs = [
        value("i", INT64, &[]),
        value("go_in", BOOL, &[]),
        value("x_in", FLOAT, &[]),
    ];
    let outputs = [value("go_out", BOOL, &[]), value("x_out", FLOAT, &[])];
    let graph = Message::default()
        .all(1, &nodes)
        .text(2, "body")
        .all(5, &[floats("one", &[], &[1.0])]);
    graph.all(11, &inputs).all(12, &outputs)
}

/// From `image`, `[n, height, width, 3] u8`, to `scores`, `[n, classes] f32`.
pub fn model(
    nodes: &[Message],
    constants: &[Message],
    (width, height): (u64, u64),
    classes: u64,
) -> Vec<u8> {
    let input = value("image", UINT8, &[None, Some(height), Some(width), Some(3)]);
    let output = value("scores", FLOAT, &[None, Some(classes)]);
    let graph = Message::default()
        .all(1, nodes)
        .text(2, "tiny")
        .all(5, constants)
        .all(11, [&input])
        .all(12, [&output]);
    let opset = Message::default().text(1, "").number(2, 13);
    Message::default()
        .number(1, 8)
        .bytes(7, &graph.0)
        .bytes(8, &opset.0)
        .0
}
