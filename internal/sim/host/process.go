package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Process is a handler at work, started as the Functions host starts it.
type Process struct {
	cmd     *exec.Cmd
	Address string        // of its port
	Logs    string        // the file of what it says
	Ended   chan struct{} // closes when it has ended
}

// Start starts a program with its working directory in dir, and its log there.
func Start(program, dir string, env []string) (*Process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer logs.Close() // the process has its own
	_, port, _ := net.SplitHostPort(address)
	p := &Process{cmd: exec.Command(program), Address: address, Logs: logs.Name(), Ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append([]string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port}, env...)
	p.cmd.Stdout, p.cmd.Stderr = logs, logs
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() { // stop waits for it
		defer close(p.Ended)
		_ = p.cmd.Wait() // how it ended was our doing, or is in its log
	}()
	return p, nil
}

// nextPort lies below the ports that the kernel gives out (32768 and up on Linux), so
// that nobody who asks for any port takes the program's before it listens.
var nextPort atomic.Int64

func freeAddress() (string, error) {
	const first, ports = 12_000, 8_000
	nextPort.CompareAndSwap(0, rand.Int64N(ports)) // another process begins elsewhere
	// A child that is born while we look keeps the port until it has become a program.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range 100 {
		port := first + nextPort.Add(1)%ports
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10))
		if l, err := net.Listen("tcp4", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("find a free port: there is none between 12000 and 20000")
}

// startPatience is how long the Functions host waits for a custom handler's port.
const startPatience = 30 * time.Second

// Ready waits until the port answers, looking so often.
func (p *Process) Ready(ctx context.Context, every time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	look := time.NewTicker(every)
	defer look.Stop()
	for {
		conn, err := net.Dial("tcp4", p.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-look.C:
		case <-p.Ended:
			return p.Explain(errors.New("it ended"))
		case <-ctx.Done():
			return p.Explain(ctx.Err())
		}
	}
}

// portTaken reports whether somebody else took its port before it listened.
func (p *Process) portTaken() bool {
	text, _ := os.ReadFile(p.Logs) // without it, it is not known
	return bytes.Contains(text, []byte("address already in use"))
}

// Explain adds the end of the log to what is wrong.
func (p *Process) Explain(err error) error {
	text, _ := os.ReadFile(p.Logs) // without it the error says less
	return fmt.Errorf("run %s: %w; it said: %s", filepath.Base(p.cmd.Path), err, text[max(0, len(text)-2000):])
}

// Kill is how the Functions host ends a handler.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.Ended
}

// Stop lets it end in order.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended:
	case <-time.After(startPatience):
		p.Kill()
	}
}

// A Usage is what the kernel counted of a process and of nobody else.
type Usage struct {
	CPU  time.Duration // user and system
	Peak int64         // most memory resident at a time, in bytes
}

// tick is what /proc/<pid>/stat counts in: 100 a second on every Linux that Go runs
// on (proc(5), sysconf(_SC_CLK_TCK)).
const tick = 10 * time.Millisecond

// ProcessorTime is what /proc/<pid>/stat tells of it. Behind the name, which may hold
// anything but ends with the last bracket, utime and stime are the 14th and 15th of all
// fields.
func ProcessorTime(stat []byte) (used time.Duration, err error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		used += time.Duration(ticks) * tick
	}
	return used, nil
}

// Usage asks the kernel.
func (p *Process) Usage() (u Usage, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, fmt.Errorf("read processor time (Linux only): %w", err)
	}
	if u.CPU, err = ProcessorTime(stat); err != nil {
		return u, err
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, fmt.Errorf("read peak memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscanf(value, "%d kB", &u.Peak); err != nil {
				return u, fmt.Errorf("read peak memory: %w", err)
			}
			u.Peak <<= 10
		}
	}
	return u, nil
}
