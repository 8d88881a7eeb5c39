//! What a user is told when a download fails.

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use http::StatusCode;

/// Returns what is wrong with a client's URL, as the end of a sentence.
pub fn invalid(reason: &str) -> Fault {
    Fault::new(
        Code::InvalidUrl,
        Stage::Admit,
        format!("image.url {reason}."),
    )
}

/// The one answer for a name that does not resolve, an address that is not
/// allowed, a refused connection and bad TLS: the difference would tell which
/// hosts and ports there are.
pub fn unreachable() -> Fault {
    fault(
        Code::SourceUnreachable,
        "No connection could be made to the image's host.",
    )
}

/// There was a connection, and it ended before the head of an answer was there. It may go well the next time.
pub fn no_answer() -> Fault {
    fault(
        Code::SourceIncomplete,
        "The image's host took the connection, and closed it without an answer.",
    )
}

/// `location`: what it named, if it named anything.
pub fn nowhere(status: StatusCode, location: Option<&str>) -> Fault {
    let status = status.as_u16();
    let detail = match location {
        None => {
            format!("The image's host answered {status}, and named no place to go to (`Location`).")
        }
        Some(_) => format!("The image's host answered {status}, and its `Location` is no URL."),
    };
    fault(Code::SourceHttpError, detail)
}

/// Says nothing of what is there: nobody asked the store.
pub fn source_not_allowed() -> Fault {
    Fault::new(
        Code::SourceNotAllowed,
        Stage::Admit,
        "image.url names a file or an object of a bucket that the service may not read for you (--source-allow); a presigned \
         https URL needs no such leave.",
    )
}

pub fn no_object() -> Fault {
    fault(Code::SourceHttpError, "There is no such object.").retryable(false)
}

pub fn closed_object() -> Fault {
    fault(
        Code::SourceHttpError,
        "The service is not let in to the object.",
    )
    .retryable(false)
}

pub fn unreadable_object() -> Fault {
    fault(Code::SourceUnreachable, "The object could not be read.")
}

pub fn too_slow() -> Fault {
    fault(Code::SourceTimeout, "The image did not arrive in time.")
}

/// The request was in more of a hurry than would tell anything of the host.
pub fn hurried() -> Fault {
    let detail = "The time that the request allowed was over before the image was here.";
    fault(Code::DeadlineExceeded, detail)
}

pub fn too_large(max_bytes: usize) -> Fault {
    fault(
        Code::SourceTooLarge,
        format!("At most {max_bytes} bytes are downloaded."),
    )
}

/// The length was not announced, it is no small image, and in all the time there was no place for it. That is our lack of
/// room, and says nothing of the host.
pub fn unknown_length() -> Fault {
    refused("unknown_length");
    let detail = "The image's host did not say how large it is, and as many such downloads as there may be go on.";
    fault(Code::Overloaded, detail).retryable(true)
}

pub fn broken_off() -> Fault {
    fault(Code::SourceIncomplete, "The download broke off.")
}

/// A host that sends parts sends the whole file to whoever asks another of its servers, or later.
pub fn unasked_part() -> Fault {
    fault(
        Code::SourceIncomplete,
        "The image's host sent a part of the file (206), and was asked for all of it.",
    )
}

/// What is packed shows its end, also where the host announced no length.
pub fn cut(encoding: &str) -> Fault {
    fault(
        Code::SourceIncomplete,
        format!("The download broke off: it came packed as `{encoding}`, and ends too early."),
    )
}

pub fn empty() -> Fault {
    fault(Code::EmptyImage, "The image's host sent no bytes.")
}

pub fn too_many_redirects(most: u32) -> Fault {
    fault(
        Code::TooManyRedirects,
        format!("At most {most} redirects are followed."),
    )
}

/// `why`: the end of a sentence.
pub fn encoded(why: &str) -> Fault {
    fault(
        Code::UnsupportedEncoding,
        format!("The image was asked for as it is; {why}."),
    )
}

/// Whether the host may answer otherwise later. A 408 says that it waited too long for the request.
pub fn is_passing(status: StatusCode) -> bool {
    let is_for_now = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    status.is_server_error() || is_for_now
}

/// `has_contact`: whether the User-Agent names somebody to ask.
pub fn http_error(status: StatusCode, has_contact: bool) -> Fault {
    let mut detail = format!("The image's host answered {}.", status.as_u16());
    if status == StatusCode::FORBIDDEN && !has_contact {
        detail += " Some hosts refuse programs that name nobody to ask: whoever runs the service names a page or an address with \
                   --fetch-contact.";
    }
    fault(Code::SourceHttpError, detail).retryable(is_passing(status))
}

pub fn forbids_ai() -> Fault {
    refused("noai");
    fault(
        Code::SourceForbidsAi,
        "The image came with `X-Robots-Tag: noai` or `noimageai`.",
    )
}

pub fn busy() -> Fault {
    refused("busy");
    fault(
        Code::SourceBusy,
        "As many downloads from the image's host are under way as there may be.",
    )
}

/// The code of an open circuit, which is answered at once. For an unreachable host
/// the very words of the first time: a guarded address and a closed port must
/// look alike here as well.
pub fn circuit_open(code: Code) -> Fault {
    refused("circuit_open");
    let fault = match code {
        Code::SourceUnreachable => unreachable(),
        code => fault(
            code,
            "The image's host failed repeatedly; its circuit is open, so it is not asked for a while.",
        ),
    };
    fault.retryable(true)
}

/// Adds what is likely wrong with the URL of an image that is not there.
pub fn hinted(mut fault: Fault, url: &str) -> Fault {
    let is_missing = fault.code == Code::SourceHttpError && !fault.retryable;
    if is_missing && url.contains("&amp;") {
        fault.detail += " Its URL holds `&amp;`, as in HTML: write `&`.";
    }
    fault
}

/// Counts a download that this server chose not to make or not to use.
pub fn refused(reason: &'static str) {
    metrics::counter!(crate::metrics::REFUSED, "reason" => reason).increment(1);
}

fn fault(code: Code, detail: impl Into<String>) -> Fault {
    Fault::new(code, Stage::Fetch, detail)
}
