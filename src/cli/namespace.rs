//! `-n default` and `-A`: what kubectl's hands type out of habit. There is one namespace here.

/// Flags of verbs that kubectl's users know.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Namespace {
    /// For kubectl's hands: there is one namespace, `default`
    #[arg(short, long, value_name = "NAMESPACE", value_parser = only_one, hide = true)]
    namespace: Option<String>,
    /// The same
    #[arg(short = 'A', long, hide = true)]
    all_namespaces: bool,
}

/// The one that there is. Another has nothing in it, and whoever names it is to know why.
fn only_one(text: &str) -> Result<String, String> {
    match text {
        "default" => Ok(text.to_owned()),
        _ => Err("there is one namespace here, `default`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_namespace() {
        assert!(only_one("default").is_ok() && only_one("kube-system").is_err());
    }
}
