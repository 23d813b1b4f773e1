package projection

import (
	"context"
	"errors"
	"time"

	"siegel/internal/mail"
)

// Day is how many messages arrived on a day, in UTC, and how many octets.
type Day struct {
	Day      time.Time `json:"day"`
	Messages int64     `json:"messages"`
	Octets   int64     `json:"octets"`
}

// day returns the number of a day since 1970.
func day(micros int64) int64 { return mail.FromMicros(micros).Unix() / secondsOfDay }

const secondsOfDay = 24 * 60 * 60

// Days returns the days from one until before another on which something arrived,
// in order. What has no record is not counted.
func (f *File) Days(ctx context.Context, since, until time.Time) (list []Day, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	rows, err := f.sql.Read.QueryContext(ctx, `SELECT day, messages, octets FROM index_day WHERE day >= $1 AND day < $2 AND messages > 0 ORDER BY day`,
		day(mail.Micros(since)), day(mail.Micros(until)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d Day
		var number int64
		if err := rows.Scan(&number, &d.Messages, &d.Octets); err != nil {
			return nil, err
		}
		d.Day = time.Unix(number*secondsOfDay, 0).UTC()
		list = append(list, d)
	}
	return list, rows.Err()
}

// Total is what [File.Days] has altogether.
func (f *File) Total(ctx context.Context) (messages, octets int64, err error) {
	defer f.note(&err)
	// no tenant: a projection is one holder's file
	err = f.sql.Read.QueryRowContext(ctx, `SELECT COALESCE(SUM(messages), 0), COALESCE(SUM(octets), 0) FROM index_day`).Scan(&messages, &octets)
	return messages, octets, err
}
