//! supctl: arguments, one request, print, exit code.
fn main() {}
