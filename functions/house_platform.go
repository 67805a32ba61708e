package main

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"azcollector/internal/microsoft"
	"azcollector/internal/state"
	"azcollector/internal/wire"
	"azcollector/updater"
)

// The app settings by which Elastic Premium knows what to run, and as whom to fetch it
// (learn.microsoft.com, "App settings reference for Azure Functions"; "Run your
// functions from a package file", section on managed identities).
const (
	runFromPackage   = "WEBSITE_RUN_FROM_PACKAGE"
	readsPackageAs   = "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID"
	lendTime         = time.Hour // how long the platform may fetch a package that it was told of
	refusedTokenHint = "{}"      // claims, whatever they are, keep azidentity from its cache
)

// A site is the function app that we run in, as Azure sees it.
type site struct {
	packages *state.Packages
	manager  *microsoft.Manager
	readAs   string          // UPDATE_PACKAGE_IDENTITY; empty: Flex Consumption
	asReader *state.Packages // as that identity
	download func(ctx context.Context, address string) ([]byte, error)
}

// inSlot reports that we run in a deployment slot, which has copies of production's
// settings: who asked for another package there would change production.
func inSlot() bool {
	slot := os.Getenv("WEBSITE_SLOT_NAME")
	return slot != "" && !strings.EqualFold(slot, "Production")
}

// replaceable reports whether what runs is ours to change.
func (h *house) replaceable() bool {
	return h.settings.Host && h.settings.UpdateContainer != nil && !inSlot()
}

// platform changes what runs, where that is our business; else nil.
func (h *house) platform() *updater.Platform {
	if !h.replaceable() {
		return nil
	}
	s, err := h.openSite()
	if err != nil { // told when it is used: who cannot update can still collect
		return &updater.Platform{
			Get:    func(context.Context, string) ([]byte, error) { return nil, err },
			Settle: func(context.Context) error { return err },
		}
	}
	return &updater.Platform{
		Download: updater.Download(h.http), Put: s.packages.Put, Get: s.packages.Get, Prune: s.packages.Prune,
		Try: func(ctx context.Context, archive *zip.Reader, version string) error {
			env := os.Environ()
			if h.config.unusable != nil { // a new version need not do better
				env = append(env, fmt.Sprintf("%s=%d", excusedConfiguration, h.config.seen))
			}
			return selfTest(ctx, archive, version, env)
		},
		Running: s.running, Run: s.run, Settle: s.settle,
	}
}

func (h *house) openSite() (*site, error) {
	s := h.settings
	credential, err := updateIdentity(ownID(s.Storage.ClientID))
	if err != nil {
		return nil, fmt.Errorf("use an identity for the self-update: %w", err)
	}
	packages, err := state.OpenPackages(state.PackagesOptions{Container: s.UpdateContainer, Credential: credential, HTTP: h.http})
	if err != nil {
		return nil, err
	}
	asReader := packages
	if s.UpdateIdentity != "" {
		reader, err := updateIdentity(azidentity.ResourceID(s.UpdateIdentity))
		if err == nil {
			asReader, err = state.OpenPackages(state.PackagesOptions{Container: s.UpdateContainer, Credential: reader, HTTP: h.http})
		}
		if err != nil {
			return nil, err
		}
	}
	cloud, err := cloudOf(s)
	if err != nil {
		return nil, err
	}
	token := func(ctx context.Context, scope, claims string) (string, error) {
		t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, Claims: claims})
		return t.Token, err
	}
	return &site{
		packages: packages, readAs: s.UpdateIdentity, asReader: asReader, download: updater.DownloadRunning(h.http),
		manager: microsoft.NewManager(microsoft.ManagerOptions{
			Cloud: cloud, Site: microsoft.Site{Subscription: s.SubscriptionID, ResourceGroup: s.ResourceGroup, Name: s.SiteName},
			Token: func(ctx context.Context, scope string) (string, error) { return token(ctx, scope, "") },
			Renew: func(ctx context.Context, scope, _ string) (string, error) { return token(ctx, scope, refusedTokenHint) },
			HTTP:  wire.Client(wire.Options{HeaderTimeout: microsoft.ManagerPatience}),
		}),
	}, nil
}

// running returns the package that runs: Flex Consumption has its own copy, Elastic
// Premium has an address, which at first is the release's and later one of ours.
func (s *site) running(ctx context.Context) ([]byte, error) {
	if s.readAs == "" {
		return s.packages.Deployed(ctx)
	}
	settings, err := s.manager.Settings(ctx)
	if err != nil {
		return nil, err
	}
	address := settings[runFromPackage]
	if sha, ours := s.packages.Holds(address); ours {
		return s.packages.Get(ctx, sha)
	}
	return s.download(ctx, address)
}

// run makes the platform run a package of ours, and with it lets us be killed.
func (s *site) run(ctx context.Context, sha256 string) error {
	if s.readAs == "" {
		address, err := s.packages.Lend(ctx, sha256, lendTime)
		if err != nil {
			return err
		}
		return s.manager.OneDeploy(ctx, address)
	}
	settings, err := s.manager.Settings(ctx)
	if err != nil {
		return err
	}
	if _, err := s.asReader.Get(ctx, sha256); err != nil { // what Azure cannot read, the app does not start from
		return fmt.Errorf("read the package as UPDATE_PACKAGE_IDENTITY: %w", err)
	}
	if settings[runFromPackage] == s.packages.Address(sha256) && settings[readsPackageAs] == s.readAs {
		return s.manager.Restart(ctx) // it was told already, and still runs something else
	}
	return s.manager.SetSettings(ctx, map[string]string{runFromPackage: s.packages.Address(sha256), readsPackageAs: s.readAs})
}

// settle tells Elastic Premium to look at the functions of a package that it was given
// by an address ("Deployment technologies in Azure Functions", External package URL).
func (s *site) settle(ctx context.Context) error {
	if s.readAs == "" {
		return nil
	}
	return s.manager.SyncTriggers(ctx)
}
