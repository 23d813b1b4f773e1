package app

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"siegel/internal/app/checkup"
	"siegel/internal/app/place"
	"siegel/internal/front/console"
)

// Space implements [console.Evidence]. It counts what was sealed within the last
// seven days, and, with the database in a file, each message's share of that.
func (a *App) Space(ctx context.Context) (s console.Space, err error) {
	if a.Config.Objects.S3.Endpoint != "" {
		return console.Space{Store: true}, nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(a.Dir, &fs); err != nil {
		return s, err
	}
	s.Free = int64(fs.Bavail) * fs.Bsize
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return s, err
	}
	var perDay, messages, young float64
	var all int64
	for _, t := range tenants {
		g, err := a.Tally.Growth(ctx, t.ID)
		if err != nil {
			return s, err
		}
		n, err := a.Entries(ctx, t.ID)
		if err != nil {
			return s, err
		}
		all += n
		perDay += float64(g.Stored) / g.Days
		messages += float64(g.Messages) / g.Days
		if g.Young {
			young += float64(g.Stored) / g.Days
		}
	}
	s.Empty, s.Young = all == 0, 2*young > perDay
	if a.Node == nil && all > 0 {
		perDay += messages * float64(a.databaseSize()) / float64(all)
	}
	if s.PerDay = int64(perDay); s.PerDay > 0 && !s.Young {
		days := s.Free / s.PerDay
		s.Days = &days
	}
	return s, nil
}

// databaseSize is how large the control database is in its file.
func (a *App) databaseSize() (n int64) {
	for _, name := range []string{place.FileControl, place.FileControl + "-wal"} {
		if info, err := os.Stat(a.path(name)); err == nil {
			n += info.Size()
		}
	}
	return n
}

// checkGrowth says when the disk will be full.
func (a *App) checkGrowth(ctx context.Context) console.Finding {
	s, err := a.Space(ctx)
	if err != nil {
		return check("disk", bad, say("it cannot be told how the archive grows"), say("run siegel ledger verify"))
	}
	return checkup.Growth(s)
}

// checkSources complains of sources that are silent, and of counts that are not
// those of the message log.
func (a *App) checkSources(ctx context.Context) (list []console.Finding) {
	tenants, err := a.Identity.Tenants(ctx)
	if err != nil {
		return nil // checkTenants says it
	}
	arrived := false
	for _, t := range tenants {
		states, err := a.Tally.Of(ctx, t.ID)
		if err != nil {
			list = append(list, check("sources", bad, say("what the sources of tenant %s handed in cannot be read", t.Name), say("run siegel ledger verify")))
			continue
		}
		for _, s := range states {
			arrived = arrived || !s.Last.IsZero()
			if s.Alarm {
				list = append(list, check("sources", bad, say("a source of tenant %s (%s) is silent since %s, longer than usual", t.Name, s.Source, s.Last.Format(time.RFC3339)),
					say("see whether the mail server still sends its copies: siegel source list, docs/journal.md")))
			}
		}
		if w, err := a.Whole(ctx, t.ID); err == nil && !w.Holds() {
			list = append(list, check("sources", bad, say("the sources of tenant %s count %d sealed messages, the message log has %d", t.Name, w.Sealed, w.Log),
				say("run siegel ledger verify, which names the hour")))
		}
	}
	switch {
	case len(list) > 0:
	case !arrived:
		list = append(list, check("sources", fine, say("nothing has arrived yet, by no way"), Sentence{}))
	default:
		list = append(list, check("sources", fine, say("no source is silent for longer than usual, and all that was counted is in the message log"), Sentence{}))
	}
	return list
}
