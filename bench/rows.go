package main

import "context"

// rows are the measurements, in the order of the table.
func (b *bench) rows() []row {
	return []row{
		// Before the disk has much to rest from: it decides these.
		{name: "one due schedule on an idle node", measure: b.idle},
		{name: "CreateSchedule over HTTP, none stored", measure: func(ctx context.Context) ([]figure, error) { return b.creates(ctx, 0) }},
		{name: "1,000 due in one second, HTTP", measure: func(ctx context.Context) ([]figure, error) {
			m, err := burst{bench: b, n: 1000}.run(ctx)
			return []figure{{name: "last arrival after due", unit: "ms", value: ms(m.last), must: 150, aim: 60, peer: 2330, who: "Dkron"}}, err
		}},
		{name: "10,000 due in one second, HTTP", measure: func(ctx context.Context) ([]figure, error) {
			m, err := burst{bench: b, n: 10_000}.run(ctx)
			return []figure{
				{name: "last arrival after due", unit: "ms", value: ms(m.last), must: 1000, aim: 500, peer: 11_100, who: "Dkron with 5,000"},
				{name: "processor time a run", unit: "us", value: us(m.cpu)},
			}, err
		}},
		{name: "100,000 due in one second, queue", measure: func(ctx context.Context) ([]figure, error) {
			m, err := burst{bench: b, n: 100_000, queue: true}.run(ctx)
			return []figure{
				{name: "last completed after due", unit: "ms", value: ms(m.last), must: 4000, aim: 1500, peer: 10_400, who: "River, no-op"},
				{name: "resident, at its peak", unit: "MiB", value: m.peakMiB, must: 256},
				{name: "processor time a run", unit: "us", value: us(m.cpu)},
			}, err
		}},
		{name: "steady HTTP fires", measure: b.steady},
		{name: "write path alone, 1 million stored", measure: b.writePath},
		{name: "CreateSchedule over HTTP, 1 million stored", measure: func(ctx context.Context) ([]figure, error) { return b.creates(ctx, 1_000_000) }},
		{name: "signed requests, none stored", measure: func(ctx context.Context) ([]figure, error) { return b.signed(ctx, 0) }},
		{name: "signed requests, 1 million stored", measure: func(ctx context.Context) ([]figure, error) { return b.signed(ctx, 1_000_000) }},
		{name: "conditional PutItem over HTTP", measure: b.locks},
		{name: "pings", measure: b.pings},
		{name: "100,000 checks watched", measure: b.watched},
		{name: "alert of a check that goes down", measure: b.alerts},
		{name: "neighbours of hostile clients", measure: b.neighbours},
		{name: "functions", measure: b.functions},
		{name: "warm functions", measure: b.warm},
		{name: "functions from the pool", measure: b.pooled},
		{name: "50 functions in Python at once", measure: b.functionsAtOnce},
		{name: "scheduled functions", measure: b.functionsDue},
		{name: "next occurrence", measure: b.nextOccurrence},
		{name: "start with 1 million stored", measure: func(ctx context.Context) ([]figure, error) { return b.startUp(ctx, 1_000_000) }},
		{name: "start with 10 million stored", measure: func(ctx context.Context) ([]figure, error) { return b.startUp(ctx, 10_000_000) }},
		{name: "idle with 100 schedules", measure: b.atRest},
	}
}
