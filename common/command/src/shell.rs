//! Completions for shells, and manual pages.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Args)]
pub struct Completions {
    /// The shell that will read them, such as `bash`.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the program's completions.
    pub fn print<C: CommandFactory>(&self) {
        let mut command = C::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut io::stdout());
    }
}

/// Arguments of `manual`.
#[derive(Args)]
pub struct Manual {
    /// The folder for the pages, one for each verb; it is made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "man")]
    out: PathBuf,
}

impl Manual {
    /// Writes the program's manual pages, and says where.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write<C: CommandFactory>(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.out)?;
        clap_mangen::generate_to(C::command(), &self.out)?;
        println!("wrote the manual pages to {}", self.out.display());
        Ok(())
    }
}
