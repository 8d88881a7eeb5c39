//! What every language model is told, whatever it runs in.

/// Part of what captions are cached by: raise it with any change below, and
/// with any change of what the guard passes.
pub const VERSION: u32 = 2;

pub const SYSTEM: &str =
    "You write one short, plain sentence about a photo. Use only the given words.";

/// They make a model of 135 million parameters follow the form. They use no
/// word that the guard would refuse: what stands here is what it imitates.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("lemon", "This photo shows a lemon."),
    ("bicycle, fence", "A bicycle next to a fence."),
    ("apple, bowl, lamp", "An apple and a bowl near a lamp."),
    ("steam train", "This photo shows a steam train."),
    ("owl", "This photo shows an owl."),
];
