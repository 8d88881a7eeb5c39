//! What the sample photos are tagged with, as the demo prints it. Written
//! down, so that the sets stay what they are when the tagger changes.

pub const SAMPLES: [&[(&str, f32)]; 6] = [
    &[
        ("cat", 0.99),
        ("feline", 0.99),
        ("mammal", 1.0),
        ("pet", 0.99),
        ("animal", 1.0),
    ],
    &[
        ("espresso", 0.99),
        ("coffee", 0.99),
        ("beverage", 0.99),
        ("food", 0.99),
    ],
    &[
        ("daisy", 0.35),
        ("flower", 0.35),
        ("plant", 0.39),
        ("animal", 0.29),
        ("insect", 0.11),
    ],
    &[
        ("moped", 0.68),
        ("motorcycle", 0.83),
        ("motor vehicle", 0.88),
        ("vehicle", 0.89),
        ("motor scooter", 0.15),
    ],
    &[
        ("palace", 0.31),
        ("house", 0.4),
        ("building", 0.46),
        ("dwelling", 0.4),
        ("structure", 0.71),
    ],
    &[
        ("structure", 0.29),
        ("missile", 0.22),
        ("rocket", 0.22),
        ("vehicle", 0.31),
        ("weapon", 0.33),
    ],
];
