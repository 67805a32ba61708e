package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"azcollector/internal/microsoft"
	"azcollector/internal/wire"
	"azcollector/master"
)

// listSubscriptions prints what Microsoft has, and what master does next.
func listSubscriptions(ctx context.Context, h *house, c *console) error {
	listed, err := h.feed.Subscriptions(ctx, h.settings.TenantID)
	if err != nil {
		return err
	}
	states, err := h.subscriptionStates(ctx)
	if err != nil {
		return err
	}
	if c.command.Subscriptions.List.JSON {
		for i := range listed { // the webhook's secret is nobody's to read
			if listed[i].Webhook != nil {
				listed[i].Webhook.AuthID, listed[i].Webhook.Address = "***", plainAddress(listed[i].Webhook.Address)
			}
		}
		return c.json(map[string]any{"subscriptions": listed, "states": states})
	}
	return c.table(func(w io.Writer) {
		fmt.Fprintln(w, "TYPE\tSTATUS\tWEBHOOK\tADDRESS\tNEXT")
		for _, contentType := range typesOf(h.settings.ContentStreams, listed) {
			status, hook, address, next := "missing", "none", "", ""
			for _, s := range listed {
				if s.ContentType == contentType {
					status = cmp.Or(s.Status, "enabled")
					if s.Webhook != nil {
						hook, address = cmp.Or(s.Webhook.Status, "enabled"), plainAddress(s.Webhook.Address)
					}
				}
			}
			for _, st := range states {
				if st.Type == contentType {
					next = nextStart(st)
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", contentType, wire.Printable(status), wire.Printable(hook), wire.Printable(address), wire.Printable(next))
		}
	})
}

// plainAddress leaves out the query, which may hold a key.
func plainAddress(address string) string {
	plain, _, _ := strings.Cut(address, "?")
	return plain
}

// typesOf are the configured types, and those that are started besides.
func typesOf(configured []string, listed []microsoft.Subscription) []string {
	types := slices.Clone(configured)
	for _, s := range listed {
		if !slices.Contains(types, s.ContentType) {
			types = append(types, s.ContentType)
		}
	}
	return types
}

// nextStart says what master does about a subscription, and when.
func nextStart(st master.State) string {
	text := st.Plan
	if st.Plan != "" && st.NextStart.After(time.Now()) {
		text += ", not before " + st.NextStart.Format(time.RFC3339)
	}
	if st.LastError != "" {
		text += " (last: " + st.LastError + ")"
	}
	return text
}

func (h *house) subscriptionStates(ctx context.Context) (states []master.State, err error) {
	for st, err := range master.States(ctx, h.store, h.settings.TenantID) {
		if err != nil {
			return nil, err
		}
		states = append(states, st)
	}
	return states, nil
}

// errWatching says that the subscriptions are not ours to change.
var errWatching = errors.New("O365_SUBSCRIPTIONS=watch: the subscriptions are another collector's, and what is started or stopped here is started or stopped for that one as well; set O365_SUBSCRIPTIONS=manage first")

// startSubscriptions does what master does, now. Microsoft's pause of 15 minutes
// between two starts holds for it as well.
func startSubscriptions(ctx context.Context, h *house, c *console) error {
	if h.settings.Watch {
		return usageError{errWatching}
	}
	s := h.subscriptions()
	if one := c.command.Subscriptions.Start.Type; one != "" {
		if !slices.Contains(contentTypes, one) {
			return usageError{fmt.Errorf("there is no content type %q", one)}
		}
		s.Types = []string{one}
	}
	findings, err := s.Run(ctx, nil)
	for _, f := range findings {
		code, _ := master.LookupCode(f.Code)
		fmt.Fprintf(c.stdout, "%s %s: %s\n  → %s\n", f.Code, code.Name, wire.Printable(f.Text), code.Remedy)
	}
	states, failed := h.subscriptionStates(ctx)
	for _, st := range states {
		if slices.Contains(s.Types, st.Type) {
			fmt.Fprintf(c.stdout, "%s: %s\n", st.Type, wire.Printable(cmp.Or(nextStart(st), "as it should be")))
		}
	}
	return errors.Join(err, failed)
}

func stopSubscription(ctx context.Context, h *house, c *console) error {
	args := &c.command.Subscriptions.Stop
	switch {
	case h.settings.Watch:
		return usageError{errWatching}
	case !slices.Contains(contentTypes, args.Type):
		return usageError{fmt.Errorf("there is no content type %q", args.Type)}
	case !args.Yes:
		return usageError{fmt.Errorf("what becomes available of %s until the next start is lost for good, and master starts it again as long as O365_CONTENT_STREAMS names it; say --yes", args.Type)}
	}
	if err := h.feed.Stop(ctx, h.settings.TenantID, args.Type); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "%s is stopped\n", args.Type)
	return errors.Join(err)
}
