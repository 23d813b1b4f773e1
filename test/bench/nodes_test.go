package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"siegel/internal/vault/db/dbtest"
	"siegel/test/stand"
)

// share is what a node may use of its core, in percent: PostgreSQL, the store and
// the client are on the same machine, and must not be what is measured.
const share = 20

// pairs is how often nodes are compared. A machine that others share varies more from
// minute to minute than two nodes from one, so ratios are those of neighbouring runs.
const pairs = 5

// BenchmarkNodes compares two nodes with one on the same PostgreSQL server and
// store, each pinned to a core of its own and, where the machine's control groups
// can be written, to a share of it.
func BenchmarkNodes(b *testing.B) {
	b.Setenv(dbtest.OnDisk, "1")
	if runtime.NumCPU() < 2 {
		b.Skip("two nodes take two cores")
	}
	on, list := machine(), corpus(b)
	list = list[:len(list)/2]
	n := float64(len(list))
	// Nodes with the same load each; and, to be told beside it, one with the load of
	// both, since more connections alone make larger groups.
	shapes := []struct{ nodes, connections int }{{1, connections}, {1, 2 * connections}, {2, 2 * connections}}
	rates := make([][]result, len(shapes))
	var ratios, same []result // to one node with its half of the load, and with all of it
	bounded := true
	for range pairs {
		for i, shape := range shapes {
			a := filepath.Join(b.TempDir(), "a")
			found(b, a, true)
			nodes := []*siegel{startAt(b, a)}
			if shape.nodes == 2 {
				twin := filepath.Join(b.TempDir(), "b")
				if err := stand.Twin(a, twin); err != nil {
					b.Fatal(err)
				}
				nodes = append(nodes, startAt(b, twin))
			}
			var addresses []string
			for core, s := range nodes {
				bounded = bind(b, s.cmd.Process.Pid, core) && bounded
				addresses = append(addresses, s.address)
			}
			took := load(b, list, shape.connections, addresses...)
			for _, s := range nodes {
				s.stop(b)
			}
			rates[i] = append(rates[i], result{rate: n / took.Seconds()})
		}
		last := func(i int) float64 { return rates[i][len(rates[i])-1].rate }
		ratios = append(ratios, result{rate: last(2) / last(0)})
		same = append(same, result{rate: last(2) / last(1)})
	}
	rate := func(list []result) float64 { return median(list, func(r result) float64 { return r.rate }) }
	with := fmt.Sprintf("and to %d %% of it", share)
	if !bounded {
		with = "which PostgreSQL, the store and the client use as well: the ratio says little here"
	}
	fmt.Printf("\nTwo nodes and one, on one PostgreSQL server and one S3 store on the same machine, %d messages, median of %d runs\n", len(list), pairs)
	fmt.Printf("  %s; each node is pinned to a core, %s\n", on, with)
	for i, shape := range shapes {
		fmt.Printf("  nodes %d, connections %3d  %8.0f messages/s\n", shape.nodes, shape.connections, rate(rates[i]))
	}
	ratio := rate(ratios)
	fmt.Printf("  ratio      %8.2f with the same load for each node (asked: 1.6); %.2f to one node with the load of both\n", ratio, rate(same))
	b.ReportMetric(ratio, "x-one-node")
}

// bind pins a process to a core and bounds its share of it. It reports whether it
// could do the latter.
func bind(b *testing.B, pid, core int) bool {
	b.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	var set unix.CPUSet
	set.Set(core)
	for _, t := range threads { // those that begin later inherit it
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			b.Fatal(err)
		}
	}
	return restrain(b, pid)
}

// restrain puts a process into a control group of its own with a share of a core.
func restrain(b *testing.B, pid int) bool {
	b.Helper()
	const period = 20_000 // microseconds
	quota := period * share / 100
	group := fmt.Sprintf("siegel-bench-%d", pid)
	for _, kind := range []struct {
		dir    string
		values map[string]string
		procs  string
	}{
		{"/sys/fs/cgroup/cpu", map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": strconv.Itoa(quota)}, "cgroup.procs"},
		{"/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, period)}, "cgroup.procs"},
	} {
		dir := filepath.Join(kind.dir, group)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		ok := true
		for name, value := range kind.values {
			ok = ok && os.WriteFile(filepath.Join(dir, name), []byte(value), 0o644) == nil
		}
		ok = ok && os.WriteFile(filepath.Join(dir, kind.procs), []byte(strconv.Itoa(pid)), 0o644) == nil
		b.Cleanup(func() { _ = os.Remove(dir) })
		if ok {
			return true
		}
		_ = os.Remove(dir)
	}
	return false
}
