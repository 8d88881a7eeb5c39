//! Why a file could not be read, for programs that count. A code says what to do about a failure; a reason says what came.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// A closed list, so that it may be a metric's label. A name, once published, never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
            /// A reason of a newer peer, or bytes that nobody knows.
            #[serde(other)]
            Unknown,
        }

        impl Reason {
            pub const ALL: &[Reason] = &[$(Reason::$variant,)+ Reason::Unknown];

            pub fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)+ Reason::Unknown => "unknown" }
            }
        }
    };
}

reasons! {
    // Pictures
    Heic = "heic";
    Avif = "avif";
    JpegXl = "jpeg_xl";
    Jpeg2000 = "jpeg2000";
    CameraRaw = "camera_raw";
    Exr = "exr";
    Psd = "psd";
    Icon = "icon";
    Svg = "svg";
    /// One of the formats that are read, with a feature that is not.
    Feature = "feature";
    // Films and sound
    Video = "video";
    Audio = "audio";
    // Documents
    Pdf = "pdf";
    Html = "html";
    Json = "json";
    Xml = "xml";
    Text = "text";
    Archive = "archive";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_the_published_ones() {
        for reason in Reason::ALL {
            let wire = serde_json::to_value(reason).expect("serialises");
            assert_eq!(wire, reason.name());
        }
        let newer: Reason = serde_json::from_str(r#""hologram""#).expect("any name is taken");
        assert_eq!(newer, Reason::Unknown);
    }
}
