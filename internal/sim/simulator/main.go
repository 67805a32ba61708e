// Command simulator runs the simulated outside world by itself, so that any
// collector of Microsoft 365 audit logs can be tried against it. It listens on
// loopback only, makes new keys at each start and remembers nothing: it is of no
// use for anything real.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"azcollector/internal/sim"
)

type commands struct {
	Serve serve `cmd:"" help:"Run the simulated services until interrupted."`
	Demo  demo  `cmd:"" help:"Let the collector collect from the simulated services, under faults, and judge it."`
}

type serve struct {
	Seed     uint64        `help:"Seed of everything random; 0 draws one and prints it."`
	Port     int           `help:"First of nine consecutive ports; 0 takes any free ones."`
	Admin    string        `help:"Loopback address of the admin service (GET /report, POST /publish?records=100, POST /fault and others)." default:"127.0.0.1:0"`
	Dir      string        `help:"Directory for the certificates; a temporary one by default."`
	Calm     bool          `help:"No faults, splits, lost or doubled notifications, unless ordered."`
	PushTo   string        `help:"Webhook address that is notified without a subscription."`
	Trust    string        `help:"PEM file of further roots that the webhook's certificate may have." type:"existingfile"`
	Every    time.Duration `help:"Publish a content this often; 0 only on demand." default:"5s"`
	Records  int           `help:"Records of each such content." default:"50"`
	PageSize int           `help:"Contents on one page of a list." default:"3"`
	Pause    time.Duration `name:"start-pause" help:"How long a type must not be started again; 0 does not judge it, the real service asks for 15m."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("simulator"), kong.Description("Simulated Entra ID, Office 365 Management Activity API and Alert Logic, on loopback."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}

// Help lists the faults, so that --help is the manual of POST /fault.
func (s *serve) Help() string {
	var b strings.Builder
	b.WriteString("Kinds of fault, for POST /fault:\n\n")
	for _, kind := range sim.Kinds() {
		fmt.Fprintf(&b, "\t%-16s %s\n", kind[0], kind[1])
	}
	b.WriteString("\nTheir operations: " + strings.Join(sim.Ops(), ", ") + ".")
	return b.String()
}

func (s *serve) Run(ctx context.Context) (err error) {
	o := sim.Options{
		Seed: s.Seed, Port: s.Port, Dir: s.Dir, Calm: s.Calm, PageSize: s.PageSize, StartPause: s.Pause,
		Push: sim.PushOptions{To: s.PushTo},
		Logf: func(string, ...any) {}, // announce prints the seed
	}
	if s.Trust != "" {
		if o.TrustPEM, err = os.ReadFile(s.Trust); err != nil {
			return fmt.Errorf("read --trust: %w", err)
		}
	}
	listener, err := s.listenAdmin()
	if err != nil {
		return err
	}
	w, err := sim.New(o)
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer w.Close()
	if err := announce(os.Stdout, w, listener.Addr().String()); err != nil {
		_ = listener.Close()
		return err
	}
	return s.run(ctx, w, listener)
}

// listenAdmin refuses any address that others could reach: the service obeys everybody.
func (s *serve) listenAdmin() (net.Listener, error) {
	host, _, err := net.SplitHostPort(s.Admin)
	if err != nil {
		return nil, fmt.Errorf("read --admin: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, errors.New("--admin must be a loopback address like 127.0.0.1:8099")
	}
	l, err := net.Listen("tcp", s.Admin)
	if err != nil {
		return nil, fmt.Errorf("listen on --admin: %w", err)
	}
	return l, nil
}

// run publishes at its pace until ctx ends, then prints what became of it.
func (s *serve) run(ctx context.Context, w *sim.World, listener net.Listener) error {
	admin := &http.Server{Handler: w.Admin(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- admin.Serve(listener) }()
	pace := make(<-chan time.Time)
	if s.Every > 0 {
		ticker := time.NewTicker(s.Every)
		defer ticker.Stop()
		pace = ticker.C
	}
	kinds := []string{"Audit.AzureActiveDirectory", "Audit.Exchange", "Audit.SharePoint", "Audit.General"}
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			_ = admin.Close()
			<-served
			return conclude(os.Stdout, w)
		case err := <-served:
			return fmt.Errorf("serve --admin: %w", err)
		case <-pace:
			w.PublishSome(kinds[i%len(kinds)], s.Records)
		}
	}
}

// announce prints what a collector needs, a certificate for its listener included.
func announce(out io.Writer, w *sim.World, admin string) error {
	settings := w.Settings()
	var err error
	if settings["TLS_CERT"], settings["TLS_KEY"], err = w.IssueCertificate("collector"); err != nil {
		return err
	}
	fmt.Fprintf(out, "# seed %d\n", w.Seed())
	for _, service := range sim.Services() {
		fmt.Fprintf(out, "# %-10s %s\n", service, w.URL(service))
	}
	fmt.Fprintf(out, "# %-10s http://%s\n# settings for a collector:\n", "admin", admin)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(out, "%s=%s\n", name, settings[name])
	}
	return nil
}

// conclude fails if the collector did wrong; what is lost may only be late.
func conclude(out io.Writer, w *sim.World) error {
	report := w.Book.Report()
	fmt.Fprintf(out, "# %+v\n# lag: %s, the longest %v\n", report, lags(report), report.LagMax.Round(time.Millisecond))
	complaints := w.Complaints()
	for _, text := range complaints {
		fmt.Fprintf(out, "# complaint: %s\n", text)
	}
	if len(complaints) > 0 {
		return fmt.Errorf("the collector earned %d complaints", len(complaints))
	}
	return nil
}
