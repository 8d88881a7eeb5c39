//! The colours of a picture that have names.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Black,
    White,
    Grey,
    Red,
    Orange,
    Brown,
    Beige,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
}

impl Color {
    pub const ALL: [Self; 12] = [
        Self::Black,
        Self::White,
        Self::Grey,
        Self::Red,
        Self::Orange,
        Self::Brown,
        Self::Beige,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Purple,
        Self::Pink,
    ];

    /// In English, which is its id as well.
    pub fn english(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::White => "white",
            Self::Grey => "grey",
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Brown => "brown",
            Self::Beige => "beige",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
        }
    }

    pub fn korean(self) -> &'static str {
        match self {
            Self::Black => "검정",
            Self::White => "하양",
            Self::Grey => "회색",
            Self::Red => "빨강",
            Self::Orange => "주황",
            Self::Brown => "갈색",
            Self::Beige => "베이지",
            Self::Yellow => "노랑",
            Self::Green => "초록",
            Self::Blue => "파랑",
            Self::Purple => "보라",
            Self::Pink => "분홍",
        }
    }

    /// Finds one by its name in either language, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("gray") {
            return Some(Self::Grey);
        }
        let is_it = |it: &Self| it.english().eq_ignore_ascii_case(name) || it.korean() == name;
        Self::ALL.into_iter().find(is_it)
    }

    /// Lists all of them, as an error does.
    pub fn names() -> String {
        Self::ALL.map(Self::english).join(", ")
    }
}
