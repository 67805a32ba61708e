package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/wire"
)

// listLetters prints the records that no destination took.
func listLetters(ctx context.Context, h *house, c *console) error {
	if c.command.Deadletter.List.JSON {
		return h.eachLetter(ctx, func(letter collect.DeadLetter) error { return c.json(letter) })
	}
	var failed error
	err := c.table(func(w io.Writer) {
		head := sync.OnceFunc(func() { fmt.Fprintln(w, "NAME\tKEPT\tTYPE\tCONTENT\tBYTES\tRECORD\tTRIED AGAIN\tREASON") })
		failed = h.eachLetter(ctx, func(letter collect.DeadLetter) error {
			head()
			fmt.Fprintf(w, "%s\t%s\t%s\t%s #%d\t%d\t%s\t%s\t%s\n", letter.Name, letter.Kept.Format(time.RFC3339), letter.ContentType,
				wire.Printable(letter.ContentID), letter.Ordinal, letter.Bytes, wire.Printable(letter.RecordID), nextReplay(letter), wire.Printable(letter.Reason))
			return nil
		})
	})
	return errors.Join(failed, err)
}

// nextReplay says when a letter is replayed without a hand.
func nextReplay(letter collect.DeadLetter) string {
	switch {
	case !letter.Replayable:
		return "never: no record"
	case letter.Replays == 0:
		return "at " + letter.Next.Format(time.RFC3339)
	}
	return fmt.Sprintf("%d times, next at %s", letter.Replays, letter.Next.Format(time.RFC3339))
}

func (h *house) eachLetter(ctx context.Context, f func(collect.DeadLetter) error) error {
	for letter, err := range collect.DeadLetters(ctx, h.store, h.settings.TenantID) {
		if err == nil {
			err = f(letter)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showLetter prints one with its record. Whoever made the record chose its bytes:
// they are escaped for a terminal, unless they are asked for as they are.
func showLetter(ctx context.Context, h *house, c *console) error {
	chosen, err := h.chooseLetters(ctx, letters{Names: []string{c.command.Deadletter.Show.Name}})
	if err != nil {
		return err
	}
	letter := chosen[0]
	raw, err := h.store.Payload(ctx, letter.Payload)
	if err != nil {
		return fmt.Errorf("read dead letter %s: %w", letter.Name, err)
	}
	if c.command.Deadletter.Show.Raw {
		_, err := c.stdout.Write(raw)
		return err
	}
	return c.table(func(w io.Writer) {
		for _, line := range [][2]string{
			{"name", letter.Name},
			{"reason", wire.Printable(letter.Reason)},
			{"kept", letter.Kept.Format(time.RFC3339)},
			{"tried again", nextReplay(letter)},
			{"content", letter.ContentType + " " + wire.Printable(letter.ContentID)},
			{"place in it", fmt.Sprint(letter.Ordinal)},
			{"record's Id", wire.Printable(letter.RecordID)},
			{"bytes", fmt.Sprint(letter.Bytes)},
			{"record", printableWhole(raw)},
		} {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	})
}

// printableWhole is [wire.Printable] for texts of any length.
func printableWhole(raw []byte) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(string(raw), "\uFFFD") {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// replayLetters delivers dead letters now. One that is refused again stays.
func replayLetters(ctx context.Context, h *house, c *console) error {
	chosen, err := h.chooseLetters(ctx, c.command.Deadletter.Replay)
	if err != nil {
		return err
	}
	refused := 0
	for i, letter := range chosen {
		c.progress(i, len(chosen), "dead letters replayed")
		if !letter.Replayable {
			fmt.Fprintf(c.stdout, "%s stays: it is no record\n", letter.Name)
			refused++
			continue
		}
		err := h.delivery.Replay(ctx, letter)
		switch {
		case errors.Is(err, collect.ErrBusy):
			fmt.Fprintf(c.stdout, "%s is being replayed by another process\n", letter.Name)
		case errors.Is(err, collect.ErrRefused):
			fmt.Fprintf(c.stdout, "%s stays: the destination refused it again\n", letter.Name)
			refused++
		case err != nil:
			return fmt.Errorf("%w (replayed %d of %d)", err, i-refused, len(chosen))
		default:
			fmt.Fprintf(c.stdout, "%s is delivered\n", letter.Name)
		}
	}
	if refused > 0 {
		return errQuiet
	}
	return nil
}

func dropLetters(ctx context.Context, h *house, c *console) error {
	chosen, err := h.chooseLetters(ctx, c.command.Deadletter.Drop.letters)
	if err != nil {
		return err
	}
	if !c.command.Deadletter.Drop.Yes {
		return usageError{fmt.Errorf("this loses %d records for good; say --yes", len(chosen))}
	}
	for _, letter := range chosen {
		if err := letter.Drop(ctx, h.store); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s is dropped\n", letter.Name)
	}
	return nil
}

// chooseLetters finds all that are named, or none.
func (h *house) chooseLetters(ctx context.Context, wanted letters) ([]collect.DeadLetter, error) {
	if (len(wanted.Names) == 0) != wanted.All {
		return nil, usageError{errors.New("name dead letters as `deadletter list` prints them, or say --all")}
	}
	var chosen []collect.DeadLetter
	found := map[string]bool{}
	err := h.eachLetter(ctx, func(letter collect.DeadLetter) error {
		named := false
		for _, name := range wanted.Names {
			if name == letter.Name {
				named, found[name] = true, true
			}
		}
		if named || wanted.All {
			chosen = append(chosen, letter)
		}
		return nil
	})
	for _, name := range wanted.Names {
		if err == nil && !found[name] {
			err = usageError{fmt.Errorf("there is no dead letter %q", name)}
		}
	}
	return chosen, err
}
