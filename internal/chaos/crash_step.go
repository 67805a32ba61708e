package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"azcollector/internal/sim"
)

// A crashRoute is how the collector learns of the contents.
type crashRoute string

const (
	byNotice crashRoute = "notify"
	byPull   crashRoute = "pull"
)

// A stage is a kind of state and a route: the steps are other ones on each.
type stage struct {
	store string // embedded or azurite
	route crashRoute
}

func (s stage) String() string { return s.store + "/" + string(s.route) }

func (s stage) shared() bool { return s.store == "azurite" }

// quiet is how long no step is taken until a collector is taken to be done. It looks at
// the due rows of its own store once a second; with a storage account it deletes what is
// left over every five seconds.
func (s stage) quiet() time.Duration {
	if s.shared() {
		return 7 * time.Second
	}
	return 1300 * time.Millisecond
}

// patience is how long all may take after a crash. A dead process's lease ends after a
// minute; a message that was never put is missed two minutes later.
func (s stage) patience() time.Duration {
	if s.shared() {
		return 6 * time.Minute
	}
	return 45 * time.Second
}

// A step is a moment to die in.
type step struct {
	stage
	at string // as CRASH_AT has it
}

func (s step) String() string { return s.stage.String() + "/" + s.at }

// kind is the step without its number.
func (s step) kind() string { return s.at[:max(0, strings.LastIndexByte(s.at, ':'))] }

// A scar is what a crash at one step came to.
type scar struct {
	step
	missed    bool // nobody died: the step was not taken
	wrong     []string
	report    sim.Report
	bound     int           // of duplicates
	recovered time.Duration // from the second start until nothing was missing
	orphans   bool          // a due row is left that leads to nothing
}

func (s *scar) complain(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// A crashTrial is one life, or two, on a state of their own.
type crashTrial struct {
	stage
	*scene
	program string
	dir     string
	state   string // as a setting
	lives   int
}

// trial makes a world. The caller closes it.
func (c *crash) trial(s stage, name string, seed uint64) (*crashTrial, error) {
	dir, err := os.MkdirTemp(c.dir, strings.NewReplacer("/", "-", ":", "-").Replace(name)+"-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	world, err := newScene(dir, seed, s.route)
	if err != nil {
		return nil, err
	}
	t := &crashTrial{stage: s, scene: world, program: c.Crasher, dir: dir, state: "STATE_DIR=" + filepath.Join(dir, "state")}
	if s.shared() {
		connection, err := c.accounts.next()
		if err != nil {
			world.Close()
			return nil, err
		}
		t.state = "AzureWebJobsStorage=" + connection
	}
	return t, nil
}

func (t *crashTrial) birth(more ...string) birth {
	t.lives++
	more = append(more, t.state, "O365_CONCURRENCY=3", "O365_WEBHOOK_BUDGET=0s", "CRASH_COUNT="+t.steps())
	return birth{program: t.program, dir: t.dir, name: fmt.Sprint("life-", t.lives), env: crashSettings(t.World, more...), hosted: true}
}

// steps is the file of the steps that this life took.
func (t *crashTrial) steps() string {
	return filepath.Join(t.dir, fmt.Sprintf("life-%d.steps", t.lives))
}

func (t *crashTrial) taken() []string {
	text, _ := os.ReadFile(t.steps()) // none yet
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// begin tells of the contents, or lets them be found.
func (t *crashTrial) begin(ctx context.Context, m *mortal) error {
	ctx, done := context.WithTimeout(ctx, portPatience)
	defer done()
	if t.route == byPull {
		return m.Call(ctx, "pull")
	}
	return m.Notify(ctx, t.notification)
}

var errEnded = errors.New("the collector ended")

// look is how often a collector is looked at.
func (s stage) look() time.Duration {
	if s.shared() {
		return 200 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// queued says that what a life under the Functions host finds waits in a queue, which
// is the host's to listen to: a later life does.
func (s stage) queued() bool { return s.shared() && s.route == byPull }

// settle waits until nothing is missing and the collector does nothing. errEnded: it
// ended before.
func (t *crashTrial) settle(ctx context.Context, m *mortal) error {
	ctx, done := context.WithTimeout(ctx, t.patience())
	defer done()
	n, since := len(t.taken()), time.Now()
	for {
		select {
		case <-m.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("wait for %d records: %w", t.Book.Report().Lost, ctx.Err())
		case <-time.After(t.look()):
		}
		if now := len(t.taken()); now != n {
			n, since = now, time.Now()
		}
		if time.Since(since) >= t.quiet() && (t.Book.Report().Lost == 0 || t.queued()) {
			return nil
		}
	}
}

// arrive waits until nothing is missing.
func (t *crashTrial) arrive(ctx context.Context, m *mortal) error {
	ctx, done := context.WithTimeout(ctx, t.patience())
	defer done()
	for t.Book.Report().Lost > 0 {
		select {
		case <-m.ended:
			return m.explain(errEnded)
		case <-ctx.Done():
			return m.explain(fmt.Errorf("%d records have not arrived: %w", t.Book.Report().Lost, ctx.Err()))
		case <-time.After(t.look()):
		}
	}
	return nil
}

// enumerate lets a collector live undisturbed and returns the moments it could have
// died in, from when it heard of the contents until it was done with them.
func (c *crash) enumerate(ctx context.Context, s stage) (steps []step, err error) {
	t, err := c.trial(s, s.String(), c.seed)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	m, err := t.birth().start(ctx)
	if err != nil {
		return nil, err
	}
	defer m.kill()
	before := len(t.taken())
	if err := t.begin(ctx, m); err != nil {
		return nil, m.explain(err)
	}
	if err := t.settle(ctx, m); err != nil {
		return nil, m.explain(err)
	}
	for _, one := range t.taken()[before:] {
		name, turn, _ := strings.Cut(one, ":")
		if s.shared() && strings.HasPrefix(name, "store.") {
			continue // each is one request or several, which are steps themselves
		}
		for _, when := range []string{"before", "after"} {
			steps = append(steps, step{s, name + ":" + when + ":" + turn})
		}
	}
	if len(steps) == 0 {
		return nil, m.explain(errors.New("it took no step at all"))
	}
	return steps, nil
}
