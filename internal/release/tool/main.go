// Program tool does the steps of scripts/package that a shell cannot do the same
// way everywhere: archives whose bytes depend on nothing but their content, the
// modules of a program with their licences, and the signed manifest. Only scripts
// call it.
package main

import (
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// Each command writes to standard output, unless it has a place to write to.
type commands struct {
	Functions functions `cmd:"" help:"Pack the Azure Functions package."`
	Archive   archive   `cmd:"" help:"Pack an archive for self-hosting: .zip or .tar.gz by its name."`
	Notices   notices   `cmd:"" help:"Print the licences of everything in the program."`
	Sbom      sbom      `cmd:"" help:"Print what the program is made of (CycloneDX)."`
	Stamp     stamp     `cmd:"" help:"Print a file with the release's version and home in its URLs."`
	Keygen    keygen    `cmd:"" help:"Make a private key and print its public key."`
	Public    public    `cmd:"" help:"Print the public keys of private keys, as UPDATE_PUBLIC_KEYS takes them."`
	Sign      sign      `cmd:"" help:"Print the signed manifest of a package."`
	Verify    verify    `cmd:"" help:"Check a manifest, and a package against it."`
}

func main() {
	var c commands
	ctx := kong.Parse(&c, kong.Name("release"), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	ctx.FatalIfErrorf(ctx.Run())
}
