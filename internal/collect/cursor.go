package collect

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"
)

// kindCursor says how far the source's lists were read.
const kindCursor = "cursor"

// Window is the length of what is listed at once: a whole UTC hour, so that
// asking again asks the same question.
const Window = time.Hour

// maxAhead is how long after its last use a cursor may begin: it moves on after an
// outage, but no outage lasts a year.
const maxAhead = 366 * 24 * time.Hour

// A Cursor says how far a content type was listed: for every window, when it was
// last listed to its last page. All its times are the source's.
type Cursor struct {
	Tenant, Type string
	// Begin is the beginning of the first window it knows of; everything before
	// was listed, is a [Gap], or was never asked for.
	Begin time.Time

	// Run is when somebody listed last, successfully or not.
	Run time.Time
	// FailingSince, LastError and LastCode tell of windows that cannot be listed;
	// zero if all can.
	FailingSince        time.Time
	LastError, LastCode string

	listed  []uint32 // per window, seconds since 1970; 0: never
	version string
}

// Until is the cursor proper: everything before was listed to its last page, or
// is a gap. A window that was listed before it ended counts up to then.
func (c *Cursor) Until() time.Time {
	for i, at := range c.listed {
		begin := c.Begin.Add(time.Duration(i) * Window)
		if listed := time.Unix(int64(at), 0).UTC(); listed.Before(begin.Add(Window)) {
			if listed.Before(begin) {
				return begin
			}
			return listed
		}
	}
	return c.Begin.Add(time.Duration(len(c.listed)) * Window)
}

// Listed is when a window was last listed; zero: never.
func (c *Cursor) Listed(window time.Time) time.Time {
	i := int(window.Sub(c.Begin) / Window)
	if window.Before(c.Begin) || i >= len(c.listed) || c.listed[i] == 0 {
		return time.Time{}
	}
	return time.Unix(int64(c.listed[i]), 0).UTC()
}

// Note says that a window was listed to its last page, up to a time.
func (c *Cursor) Note(window, at time.Time) {
	if window.Before(c.Begin) {
		return
	}
	i := int(window.Sub(c.Begin) / Window)
	for len(c.listed) <= i {
		c.listed = append(c.listed, 0)
	}
	c.listed[i] = max(c.listed[i], uint32(at.Unix()))
}

// Forget drops the windows before a time: they cannot be listed any more.
func (c *Cursor) Forget(before time.Time) {
	if begin := before.UTC().Truncate(Window); c.Begin.Before(begin) {
		c.listed = c.listed[min(len(c.listed), int(begin.Sub(c.Begin)/Window)):]
		c.Begin = begin
	}
}

func cursorKey(tenant, contentType string) Key {
	return Key{kindCursor, EscapeKey(tenant), EscapeKey("pull", contentType)}
}

// LoadCursor reads a type's cursor. ErrNotFound.
func LoadCursor(ctx context.Context, store Store, tenant, contentType string) (*Cursor, error) {
	c, ok, err := loadCursor(ctx, store, tenant, contentType)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read cursor of %s: %w", contentType, err)
	}
	return c, nil
}

// loadCursor also says whether the row holds a cursor: if not, it is only there
// to be overwritten.
func loadCursor(ctx context.Context, store Store, tenant, contentType string) (c *Cursor, ok bool, err error) {
	row, err := store.Get(ctx, cursorKey(tenant, contentType))
	if err != nil {
		return nil, false, err
	}
	c, ok = cursorOf(row)
	return c, ok && c.Tenant == tenant && c.Type == contentType, nil
}

// Cursors yields those of all content types of a tenant.
func Cursors(ctx context.Context, store Store, tenant string) iter.Seq2[*Cursor, error] {
	return func(yield func(*Cursor, error) bool) {
		for row, err := range store.List(ctx, kindCursor, EscapeKey(tenant), "pull|") {
			if err != nil {
				yield(nil, fmt.Errorf("list cursors: %w", err))
				return
			}
			if !strings.HasPrefix(row.Row, "pull|") {
				return
			}
			c, ok := cursorOf(row)
			if ok && c.Tenant == tenant && row.Key == cursorKey(tenant, c.Type) && !yield(c, nil) {
				return
			}
		}
	}
}

// Save writes the cursor. If another process listed meanwhile, both count: of each
// window the later time stays.
func (c *Cursor) Save(ctx context.Context, store Store) error {
	for {
		row := Row{Key: cursorKey(c.Tenant, c.Type), Version: c.version, Fields: c.fields()}
		version, err := Swap(ctx, store, row)
		if err == nil {
			c.version = version
			return nil
		}
		if !Overtaken(err) {
			return fmt.Errorf("write cursor of %s: %w", c.Type, err)
		}
		is, ok, err := loadCursor(ctx, store, c.Tenant, c.Type)
		switch {
		case errors.Is(err, ErrNotFound): // deleted by hand
			c.version = ""
		case err != nil:
			return fmt.Errorf("read cursor of %s: %w", c.Type, err)
		case ok:
			c.merge(is)
		default:
			c.version = is.version
		}
	}
}

func (c *Cursor) merge(is *Cursor) {
	c.version = is.version
	if is.Begin.After(c.Begin) {
		c.Forget(is.Begin)
	}
	for i, at := range is.listed {
		if at > 0 {
			c.Note(is.Begin.Add(time.Duration(i)*Window), time.Unix(int64(at), 0))
		}
	}
	if is.Run.After(c.Run) {
		c.Run = is.Run
	}
}

func (c *Cursor) fields() Fields {
	listed := make([]byte, 0, 4*len(c.listed))
	for _, at := range c.listed {
		listed = binary.BigEndian.AppendUint32(listed, at)
	}
	return Fields{
		"Tenant": c.Tenant, "Type": c.Type, "Begin": c.Begin, "Until": c.Until(), "Run": stamp(c.Run), "Listed": listed,
		"FailingSince": stamp(c.FailingSince), "LastError": Brief(c.LastError), "LastCode": Brief(c.LastCode),
	}
}

// cursorOf also reports whether it is one. A row is a stranger's word, and to begin
// anew lists some windows again; to believe a beginning in the year 1 or 9999 lists
// two thousand years, or nothing any more.
func cursorOf(row Row) (c *Cursor, ok bool) {
	c = &Cursor{version: row.Version}
	c.Tenant, _ = row.Fields["Tenant"].(string)
	c.Type, _ = row.Fields["Type"].(string)
	c.Begin, _ = row.Fields["Begin"].(time.Time)
	c.Begin = c.Begin.UTC().Truncate(Window)
	c.Run, _ = row.Fields["Run"].(time.Time)
	c.FailingSince, _ = row.Fields["FailingSince"].(time.Time)
	c.LastError, _ = row.Fields["LastError"].(string)
	c.LastCode, _ = row.Fields["LastCode"].(string)
	listed, _ := row.Fields["Listed"].([]byte)
	for ; len(listed) >= 4; listed = listed[4:] {
		c.listed = append(c.listed, binary.BigEndian.Uint32(listed))
	}
	possible := c.Begin.Unix() >= 0 && c.Begin.Unix() <= math.MaxUint32 // windows are kept in these seconds
	return c, possible && (c.Run.IsZero() || c.Begin.Before(c.Run.Add(maxAhead)))
}
