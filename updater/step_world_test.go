package updater_test

import (
	"context"

	"azcollector/internal/collect"
)

// around calls what is done, with a step before it and one after it. An error of the
// first means that it is not done, one of the second that nobody hears of it.
func (l *life) around(step string, do func() error) error {
	if err := l.at("before " + step); err != nil {
		return err
	}
	err := do()
	if lost := l.at("after " + step); lost != nil {
		return lost
	}
	return err
}

// around2 is the same for what answers.
func around2(l *life, step string, do func(context.Context, string) ([]byte, error)) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, name string) (answer []byte, err error) {
		err = l.around(step, func() error {
			answer, err = do(ctx, name)
			return err
		})
		return answer, err
	}
}

// watched is a store with a step before and after each write.
type watched struct {
	collect.Store
	at func(step string) error
}

func (w watched) Insert(ctx context.Context, row collect.Row) (string, error) {
	return w.write(ctx, row, w.Store.Insert)
}

func (w watched) Replace(ctx context.Context, row collect.Row) (string, error) {
	return w.write(ctx, row, w.Store.Replace)
}

func (w watched) write(ctx context.Context, row collect.Row, write func(context.Context, collect.Row) (string, error)) (string, error) {
	if err := w.at("before write"); err != nil {
		return "", err
	}
	version, err := write(ctx, row)
	if lost := w.at("after write"); lost != nil {
		return "", lost
	}
	return version, err
}

// once does something at a step, when that comes for the first time.
func (l *life) once(step string, do func() error) {
	before := l.at
	l.at = func(now string) error {
		if now != step {
			return nil
		}
		l.at = before
		return do()
	}
}
