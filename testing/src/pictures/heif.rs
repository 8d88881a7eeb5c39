//! HEIC and AVIF files. What is coded in them was made once by encoders, of pictures of one colour or four; the boxes around it
//! are made here, as each test wants them.

use super::hexadecimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Hevc,
    Av1,
}

/// A coded picture, and the description of its coding.
struct Coded {
    side: u32,
    described: Vec<u8>,
    bytes: Vec<u8>,
}

/// One item of a file: a picture, a tile, or what is made of them.
pub struct Item {
    kind: [u8; 4],
    bytes: Vec<u8>,
    properties: Vec<([u8; 4], Vec<u8>)>,
    references: Vec<([u8; 4], Vec<u16>)>,
}

impl Item {
    pub fn with(mut self, name: &[u8; 4], body: &[u8]) -> Self {
        self.properties.push((*name, body.to_vec()));
        self
    }

    /// Says how it belongs to others, by their numbers from 1.
    pub fn refers(mut self, kind: &[u8; 4], to: &[u16]) -> Self {
        self.references.push((*kind, to.to_vec()));
        self
    }
}

/// What a camera wrote down of the picture of that number.
pub fn exif_item(directory: &[u8], of: u16) -> Item {
    let item = Item {
        kind: *b"Exif",
        // Nothing comes before it but its name.
        bytes: [&[0, 0, 0, 6], b"Exif\0\0".as_slice(), directory].concat(),
        properties: Vec::new(),
        references: Vec::new(),
    };
    item.refers(b"cdsc", &[of])
}

fn item(coding: Coding, coded: Coded) -> Item {
    let (kind, description) = match coding {
        Coding::Hevc => (*b"hvc1", b"hvcC"),
        Coding::Av1 => (*b"av01", b"av1C"),
    };
    let item = Item {
        kind,
        bytes: coded.bytes,
        properties: Vec::new(),
        references: Vec::new(),
    };
    item.with(description, &coded.described)
        .with(b"ispe", &extent(coded.side, coded.side))
        // BT.709's primaries, sRGB's curve, BT.601's matrix, full range.
        .with(b"colr", b"nclx\0\x01\0\x0d\0\x06\x80")
}

fn extent(width: u32, height: u32) -> Vec<u8> {
    [[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat()
}

/// [`super::quarters`] of 128 × 128.
pub fn quarters_item(coding: Coding) -> Item {
    item(coding, coded(coding, "QUARTERS"))
}

/// One colour, 64 × 64: a quarter of the others, by its place.
pub fn tile_item(coding: Coding, quarter: usize) -> Item {
    item(
        coding,
        coded(coding, ["RED", "GREEN", "BLUE", "GREY"][quarter]),
    )
}

/// Opacity of 128 × 128: nothing on the left, all on the right. It belongs to the item of that number.
pub fn opacity_item(coding: Coding, of: u16) -> Item {
    let kind = b"\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0";
    item(coding, coded(coding, "HALF"))
        .with(b"auxC", kind)
        .refers(b"auxl", &[of])
}

/// Tiles row by row, of which so much is shown.
pub fn grid_item((rows, columns): (u8, u8), (width, height): (u16, u16), tiles: &[u16]) -> Item {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let item = Item {
        kind: *b"grid",
        bytes: [&[0, 0, rows - 1, columns - 1], &size[..]].concat(),
        properties: Vec::new(),
        references: Vec::new(),
    };
    item.with(b"ispe", &extent(width.into(), height.into()))
        .refers(b"dimg", tiles)
}

fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [
        &(8 + body.len() as u32).to_be_bytes(),
        name.as_slice(),
        body,
    ]
    .concat()
}

fn full(name: &[u8; 4], version: u8, body: &[u8]) -> Vec<u8> {
    boxed(name, &[&[version, 0, 0, 0], body].concat())
}

/// A file of these items, numbered from 1, of which `primary` is shown.
pub fn heif(coding: Coding, primary: u16, items: &[Item]) -> Vec<u8> {
    let brand = match coding {
        Coding::Hevc => b"heic",
        Coding::Av1 => b"avif",
    };
    let head = boxed(
        b"ftyp",
        &[brand.as_slice(), &[0; 4], b"mif1", brand].concat(),
    );
    // Places are of four bytes, so the length of what stands before does not depend on them.
    let before = head.len() + meta(primary, items, 0).len() + 8;
    let body: Vec<u8> = items.iter().flat_map(|item| item.bytes.clone()).collect();
    [head, meta(primary, items, before), boxed(b"mdat", &body)].concat()
}

fn meta(primary: u16, items: &[Item], first: usize) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut places = Vec::new();
    let mut properties = Vec::new();
    let mut owned = Vec::new();
    let mut references = Vec::new();
    let mut at = first as u32;
    let mut property = 0;
    for (number, item) in (1_u16..).zip(items) {
        let id = number.to_be_bytes();
        entries.extend(full(
            b"infe",
            2,
            &[&id[..], &[0, 0], &item.kind, b"\0"].concat(),
        ));
        places.extend(
            [
                &id[..],
                &[0, 0, 0, 1],
                &at.to_be_bytes()[..],
                &(item.bytes.len() as u32).to_be_bytes(),
            ]
            .concat(),
        );
        at += item.bytes.len() as u32;
        owned.extend([&id[..], &[item.properties.len() as u8]].concat());
        for (name, body) in &item.properties {
            properties.extend(boxed(name, body));
            property += 1;
            owned.push(property);
        }
        for (kind, to) in &item.references {
            let ids: Vec<u8> = to.iter().flat_map(|id| id.to_be_bytes()).collect();
            let count = (to.len() as u16).to_be_bytes();
            references.extend(boxed(kind, &[&id[..], &count, &ids].concat()));
        }
    }
    let count = (items.len() as u16).to_be_bytes();
    let owned = [&(items.len() as u32).to_be_bytes()[..], &owned].concat();
    let boxes = [
        full(b"hdlr", 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        full(b"pitm", 0, &primary.to_be_bytes()),
        full(b"iloc", 0, &[&[0x44, 0], &count[..], &places].concat()),
        full(b"iinf", 0, &[&count[..], &entries].concat()),
        boxed(
            b"iprp",
            &[boxed(b"ipco", &properties), full(b"ipma", 0, &owned)].concat(),
        ),
        full(b"iref", 0, &references),
    ];
    full(b"meta", 0, &boxes.concat())
}

fn coded(coding: Coding, name: &str) -> Coded {
    let (_, _, side, described, bytes) = *CODED
        .iter()
        .find(|(of, named, ..)| *of == coding && *named == name)
        .expect("one of those below");
    Coded {
        side,
        described: hexadecimal(&described.concat()),
        bytes: hexadecimal(&bytes.concat()),
    }
}

type Line = (
    Coding,
    &'static str,
    u32,
    &'static [&'static str],
    &'static [&'static str],
);

/// Encoded by x265 and libaom, in hexadecimal.
const CODED: &[Line] = &[
    (
        Coding::Hevc,
        "RED",
        64,
        &[
            "0103700000009000000000001ef000fcfdf8f800000f03600001001840010c01ffff03700000030090000003000003001eba02406100",
            "01002b42010103700000030090000003000003001ea020810596ea4929ae6e021a0c0800000300c800000300084062000100074401c1",
            "72b02240",
        ],
        &["0000001b2801af05b85666375dfeb5d51ffff1eafe87faab7ea5eeb37b3fe0"],
    ),
    (
        Coding::Hevc,
        "GREEN",
        64,
        &[
            "0103700000009000000000001ef000fcfdf8f800000f03600001001840010c01ffff03700000030090000003000003001eba02406100",
            "01002b42010103700000030090000003000003001ea020810596ea4929ae6e021a0c0800000300c800000300084062000100074401c1",
            "72b02240",
        ],
        &["0000001a2801af05b85666370a6156ffffdfedfffff8c82a97bacdecff80"],
    ),
    (
        Coding::Hevc,
        "BLUE",
        64,
        &[
            "0103700000009000000000001ef000fcfdf8f800000f03600001001840010c01ffff03700000030090000003000003001eba02406100",
            "01002b42010103700000030090000003000003001ea020810596ea4929ae6e021a0c0800000300c800000300084062000100074401c1",
            "72b02240",
        ],
        &["0000001b2801af05b85666375dff47f51ebffb76bffffdc5fa97bacdecff80"],
    ),
    (
        Coding::Hevc,
        "GREY",
        64,
        &[
            "0103700000009000000000001ef000fcfdf8f800000f03600001001840010c01ffff03700000030090000003000003001eba02406100",
            "01002b42010103700000030090000003000003001ea020810596ea4929ae6e021a0c0800000300c800000300084062000100074401c1",
            "72b02240",
        ],
        &["0000000d2801af05b856f5727facda437c"],
    ),
    (
        Coding::Hevc,
        "QUARTERS",
        128,
        &[
            "0103700000009000000000001ef000fcfdf8f800000f03600001001840010c01ffff03700000030090000003000003001eba02406100",
            "01002a42010103700000030090000003000003001ea0102020596ea4929ae6e021a0c08000000c80000003008462000100074401c172",
            "b02240",
        ],
        &[
            "000000ae2801af05b85666375dfeb5d51ffff1eafe87faab7ea5eeb37b1d2ebfdfe6f3bffff14e1ffff5d091ae0724b7db1a97a58974",
            "f27ef4eaa37efa4edfff43401ffefd92353dce99ec09ded417259bb92f307a8e12239a1d938a8964c718dff90dbee8013d74770992f1",
            "e0bfbfe94cf7859e787360e84869a450ade2b5cc1d1905446398ef180ea10427a9faa7a61ff69f5bf8ebf5cbbe6174e77f367af349fe",
            "a5a2fffb151ab01d851b4dfe840fd380",
        ],
    ),
    (
        Coding::Av1,
        "RED",
        64,
        &["81000c00"],
        &[
            "12000a0918157ffda2021a0d08321f1307b7b6690104105e10000000c210ccb59b02c9ca50bb297e5e4b12b258c0",
        ],
    ),
    (
        Coding::Av1,
        "GREEN",
        64,
        &["81000c00"],
        &[
            "12000a0918157ffda2021a0d08321d1307b7b6690104105e10000000c210ccb585758bb166a89da3a600ad60",
        ],
    ),
    (
        Coding::Av1,
        "BLUE",
        64,
        &["81000c00"],
        &[
            "12000a0918157ffda2021a0d08321f1307b7b6690104105e10000000c210ccb59af5f4fd0d4dac45cca1c2a71140",
        ],
    ),
    (
        Coding::Av1,
        "GREY",
        64,
        &["81000c00"],
        &["12000a0918157ffda2021a0d0832131307b7b6690104105e10000000c210cd553d14"],
    ),
    (
        Coding::Av1,
        "QUARTERS",
        128,
        &["81000c00"],
        &[
            "12000a091819bfff6880868342324310c1eded9a4041041784000000c210ccb59b02c9ca50bb297e5e4b12b258a95811162a6f29588b",
            "9479f761587cd5931d8142ceb3370497f4723bb9ea8484414cc5ebab",
        ],
    ),
    (
        Coding::Hevc,
        "HALF",
        128,
        &[
            "0104080000009ff8000000001ef000fcfcf8f800000f03600001001740010c01ffff0408000003009ff800000300001eba0240610001",
            "00274201010408000003009ff800000300001ec040808165ba924a6b9b02000003003200000300021062000100074401c172b02240",
        ],
        &[
            "000000c12801ae0b707415faeffc58330a763f4e5ffd5cc1dcab77fb189c3650d5a6a79c4e90134925d05e712d1de20debc8db771c89",
            "d0b0e54ce6a4a28ae161a09009889bcec5c28365bac10757c5acb7b8b139931bbfc53a416d34091371aeca37bf7f44967e2583c2f555",
            "95ead4a338a742858f6a2cebfb16676dc4d70896d98e554896c4a881e8cef02bfbdfdac838f8e51d02f6dd55d81ff5bb6f28976a0903",
            "752f4bf9b5206420dba754f1f616edcba7c4fb6586fdced6ffb385bead6abfc38f7f40",
        ],
    ),
    (
        Coding::Av1,
        "HALF",
        128,
        &["81001c00"],
        &["12000a091819bfff6980868350321b10c19a4041784000c210ccbc99829c6a724fe213f0a4c35b7aa020"],
    ),
];
