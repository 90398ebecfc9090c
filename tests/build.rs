//! Finds out what the machine has that tests need and the repository does not hold: `cfg(real_data)` and
//! `cfg(python)`. A test that needs what is absent is ignored, and counted as such.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(real_data, python)");
    println!("cargo::rerun-if-env-changed=CONSILIUM_SHARED_DATA");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let data = env::var_os("CONSILIUM_SHARED_DATA")
        .map_or_else(|| here.join("../../shared/data"), PathBuf::from);
    // A name that is absent would have the tests compiled anew each time, so it is not watched.
    let index = data.join("README.md");
    if index.is_file() {
        println!("cargo::rerun-if-changed={}", index.display());
        println!("cargo::rustc-cfg=real_data");
    }
    println!("cargo::rustc-env=CONSILIUM_SHARED_DATA={}", data.display());

    println!("cargo::rerun-if-env-changed=CONSILIUM_PYTHON");
    let python = env::var("CONSILIUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import numpy, safetensors.numpy"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        println!("cargo::rustc-cfg=python");
    }
    println!("cargo::rustc-env=CONSILIUM_PYTHON={python}");
}
