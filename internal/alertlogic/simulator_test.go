package alertlogic_test

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"azcollector/internal/alertlogic"
	"azcollector/internal/sim"
	"azcollector/internal/wire"
)

// The simulator reads the contract by itself: it takes our registration and
// every kind of check-in, and has nothing to complain of.
func TestSimulatorTakesACheckIn(t *testing.T) {
	world := sim.Start(t, sim.Options{Calm: true})
	c := clientIn(t, world)
	registration, err := c.Register(t.Context(), alertlogic.RegisterRequest{
		Site: site, Version: "1.2.3", TenantID: "T", ClientID: "C", OfficeTenantID: "T", ContentStreams: []string{"Audit.General"},
	})
	if err != nil || len(registration.Answer) == 0 {
		t.Fatalf("registered: %+v, %v", registration, err)
	}
	checkIn := func(name string, change func(*alertlogic.CheckInRequest)) {
		request := report()
		request.Registration = registration
		change(&request)
		if _, err := c.CheckIn(t.Context(), request); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	checkIn("well", func(*alertlogic.CheckInRequest) {})
	checkIn("no function has run", func(r *alertlogic.CheckInRequest) { r.Functions = nil })
	checkIn("an error", func(r *alertlogic.CheckInRequest) { r.ErrorCode, r.Details = "AF20023", []string{"why"} })
	checkIn("too much to say", func(r *alertlogic.CheckInRequest) {
		r.ErrorCode = strings.Repeat("x", 5000)
		for range 100 {
			r.Details = append(r.Details, strings.Repeat(`<"\`, 2000))
		}
	})
	arrived := world.AlertLogic.CheckIns()
	if len(arrived) != 4 {
		t.Fatalf("%d check-ins arrived, want 4", len(arrived))
	}
	if got := arrived[0].Collector; got != (sim.Collector{Subscription: site.Subscription, ResourceGroup: site.ResourceGroup, App: site.App}) {
		t.Errorf("checked in as %+v", got)
	}
	world.RequireClean(t)
}

func clientIn(t *testing.T, world *sim.World) *alertlogic.Client {
	t.Helper()
	settings := world.Settings()
	root, err := os.ReadFile(settings["SSL_CERT_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatal("the simulator's root cannot be read")
	}
	client := wire.Client(wire.Options{Roots: pool})
	t.Cleanup(client.CloseIdleConnections)
	api, err := alertlogic.ParseEndpoint(settings["APP_AL_API_ENDPOINT"])
	if err != nil {
		t.Fatal(err)
	}
	return alertlogic.NewClient(alertlogic.Options{
		AccessKeyID: settings["APP_AL_ACCESS_KEY_ID"], SecretKey: settings["APP_AL_SECRET_KEY"], API: api, HTTP: client,
	})
}
