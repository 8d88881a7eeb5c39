//! Forms, made by hand so that they can be wrong.

pub const KIND: &str = "multipart/form-data; boundary=simple-boundary";

pub fn part(headers: &str, value: &[u8]) -> Vec<u8> {
    let head = format!("--simple-boundary\r\nContent-Disposition: form-data; {headers}\r\n\r\n");
    [head.as_bytes(), value, b"\r\n"].concat()
}

pub fn option(name: &str, value: &str) -> Vec<u8> {
    part(&format!("name=\"{name}\""), value.as_bytes())
}

pub fn image(file: &[u8]) -> Vec<u8> {
    part(
        "name=\"image\"; filename=\"cat.jpg\"\r\nContent-Type: image/jpeg",
        file,
    )
}

pub fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat()[..], b"--simple-boundary--\r\n"].concat()
}
