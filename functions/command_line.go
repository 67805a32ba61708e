package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// commandLine is what kong reads.
type commandLine struct {
	File string `name:"settings" placeholder:"FILE" help:"Read settings from this JSON file (default: appsettings.json, if it is there). The environment wins."`

	Serve struct{} `cmd:"" help:"Run by itself: listener, schedules and collection, until SIGTERM."`
	Run   struct {
		Function string `arg:"" help:"Name of the function, such as pull."`
		Payload  string `help:"What the trigger would hand over." placeholder:"TEXT"`
	} `cmd:"" help:"Run one function once."`

	Status struct {
		JSON bool `help:"For machines."`
	} `cmd:"" help:"Show what became of contents and records, the last runs, and what is wrong."`
	Doctor struct {
		JSON bool `help:"For machines."`
	} `cmd:"" help:"Check settings, storage, credentials, permissions, clock, destination and webhook."`
	Prove struct {
		stretch `embed:""`
		Repair  bool `help:"Queue what is missing."`
		JSON    bool `help:"For machines."`
	} `cmd:"" help:"Compare what Microsoft offers with the ledger. Exit code 0 only if nothing is missing."`
	Backfill struct {
		stretch `embed:""`
		JSON    bool `help:"For machines."`
	} `cmd:"" help:"Queue everything that Microsoft offers of a time, at most 7 days back. Run again to go on after an interruption."`
	Trace struct {
		ID   string `arg:"" help:"A record's Id, or a contentId."`
		JSON bool   `help:"For machines."`
	} `cmd:"" help:"Tell where an event is: listed, fetched, delivered, acknowledged, or why not."`
	Deadletter struct {
		List struct {
			JSON bool `help:"For machines: one object a line."`
		} `cmd:"" help:"List the records that the destination refused, or that are none."`
		Show struct {
			Name string `arg:"" help:"Name of a dead letter, as list prints it."`
			Raw  bool   `help:"The record's bytes and nothing else."`
		} `cmd:"" help:"Show one with its record."`
		Replay letters `cmd:"" help:"Deliver them now."`
		Drop   struct {
			letters `embed:""`
			Yes     bool `help:"Really: a record that is dropped is lost."`
		} `cmd:"" help:"Forget them for good."`
	} `cmd:"" help:"Look at dead letters."`
	Subscriptions struct {
		List struct {
			JSON bool `help:"For machines."`
		} `cmd:"" help:"List what Microsoft has, and what master does next."`
		Start struct {
			Type string `arg:"" optional:"" help:"Content type; none: all that are configured."`
		} `cmd:"" help:"Start or mend subscriptions now, as master does."`
		Stop struct {
			Type string `arg:"" help:"Content type."`
			Yes  bool   `help:"Really. What becomes available until the next start is lost for good."`
		} `cmd:"" help:"Stop a subscription."`
	} `cmd:"" help:"Subscriptions at Microsoft."`
	Webhook struct {
		Rotate struct{} `cmd:"" help:"Make a new shared secret; the old one is taken for another 24 h."`
	} `cmd:"" help:"The webhook's secret."`
	Register   struct{} `cmd:"" help:"Register with Alert Logic now."`
	Deregister struct {
		Yes bool `help:"Really."`
	} `cmd:"" help:"Forget the registration with Alert Logic, there and here."`

	Update struct{} `cmd:"" help:"Sync the configuration from CONFIG_URL now."`
	Config struct {
		Sign struct {
			Key  []string `required:"" placeholder:"FILE" help:"Private key: PEM, as openssl genpkey -algorithm ed25519 makes it (may be repeated)."`
			File string   `arg:"" help:"The configuration, JSON (docs/configuration.md)."`
		} `cmd:"" help:"Check a configuration and print it signed, for CONFIG_URL."`
	} `cmd:"" help:"Configuration for CONFIG_URL."`

	Settings struct {
		Markdown bool `hidden:"" help:"Print the README's table."`
	} `cmd:"" help:"Print all settings, secrets masked, and where each came from."`
	Version  struct{} `cmd:"" help:"Print the version."`
	SelfTest struct{} `cmd:"" hidden:"" help:"What the running program asks a newer release before it takes it."`
}

// A stretch of time on the command line.
type stretch struct {
	Since string `default:"24h" placeholder:"TIME" help:"Beginning: 2026-11-22, 2026-11-22T15:04:05Z, or how long ago, like 36h or 7d (default: 24h)."`
	Until string `default:"0s" placeholder:"TIME" help:"End, in the same ways (default: now)."`
}

// letters names dead letters on the command line.
type letters struct {
	Names []string `arg:"" optional:"" help:"Names of dead letters, as list prints them."`
	All   bool     `help:"All of them."`
}

// errHelped says that the help was printed and nothing else is to be done.
var errHelped = fmt.Errorf("helped")

// parse reads the arguments and returns the command's name, such as "deadletter
// list". An error is the user's to mend.
func (c *commandLine) parse(args []string, stdout, stderr io.Writer) (string, error) {
	exited := -1
	parser, err := kong.New(c, kong.Name("azcollector"),
		kong.Description("Collects Microsoft 365 audit logs and delivers every record."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		return "", err
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return "", errHelped
	case err != nil:
		return "", fmt.Errorf("%w (see azcollector --help)", err)
	}
	return parsed.Selected().FullPath()[len("azcollector "):], nil
}

// A command needs the house: the state, and the doors.
type command func(ctx context.Context, h *house, c *console) error

// commands are those that can be sent to a running collector as well.
var commands = map[string]command{
	"run":                 runFunction,
	"status":              showStatus,
	"doctor":              examine,
	"prove":               prove,
	"backfill":            backfill,
	"trace":               trace,
	"deadletter list":     listLetters,
	"deadletter show":     showLetter,
	"deadletter replay":   replayLetters,
	"deadletter drop":     dropLetters,
	"subscriptions list":  listSubscriptions,
	"subscriptions start": startSubscriptions,
	"subscriptions stop":  stopSubscription,
	"webhook rotate":      rotateSecret,
	"register":            register,
	"deregister":          deregister,
	"update":              updateNow,
}
