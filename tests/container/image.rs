//! The image: packaging/container's recipe over a directory made here. Instead of a static release build, which
//! takes minutes, it has the programs under test with the libraries that they name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes what `packaging/container/build` makes for the recipe.
pub fn make_context(context: &Path) {
    let root = context.join("root");
    for directory in ["sbin", "bin", "etc/supd"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (program, place) in
        [(env!("CARGO_BIN_EXE_supd"), "sbin/supd"), (env!("CARGO_BIN_EXE_supctl"), "bin/supctl")]
    {
        fs::copy(program, root.join(place)).unwrap();
        for library in libraries(program) {
            let place = root.join(library.strip_prefix("/").unwrap());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(&library, place).unwrap();
        }
    }
    compile_hello(&root.join("bin/hello"));
    fs::create_dir_all(root.join("etc/supd/units")).unwrap();
    fs::copy(packaging("units/hello.toml"), root.join("etc/supd/units/hello.toml")).unwrap();
}

/// A file of packaging/container.
pub fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/container").join(name)
}

fn compile_hello(place: &Path) {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(compiler);
    command.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-o"]).arg(place);
    assert!(command.arg(packaging("hello.rs")).status().unwrap().success());
}

/// The shared libraries of a program, as its loader finds them; none for a static one.
fn libraries(program: &str) -> Vec<PathBuf> {
    let out = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}
