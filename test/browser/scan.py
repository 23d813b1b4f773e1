"""Runs wapiti 3.0.4 as scan_test.go wants it, and says of each of its modules how many requests it sent,
how long they took, and whether it came to its end: a line that begins with "scan:" each.

Two things are changed. Addresses can be left out, which that version cannot on today's Python. And blindsql,
which has more than two hundred sentences for every parameter, tries those that PostgreSQL would read (and SQLite
refuse, which is found as an error inside): the others speak to MySQL, SQL Server, Access and interpreters of
scripts, which no server of ours has, or are the same once more with tabs and comments, to get past filters
(SIEGEL_SCAN_BLIND=all tries them too).

Most of the time goes into looking through the audit trail for what is not there, which takes up to three seconds:
so one combination of its fields is tried, not forty (--scan-force)."""
import os
import re
import sys
import time

import wapitiCore.attack.attack as attack
import wapitiCore.net.crawler as crawler
from wapitiCore.main import wapiti

crawler.wildcard_translate = lambda pattern: re.compile(re.escape(pattern) + '$')


def say(*words):
    print('scan:', *words, flush=True)


class Counted:
    sent, seconds, slow = 0, 0.0, 0


def counted(send):
    def one(self, request, *args, **named):
        begun = time.monotonic()
        try:
            return send(self, request, *args, **named)
        finally:
            took = time.monotonic() - begun
            Counted.sent, Counted.seconds, Counted.slow = Counted.sent + 1, Counted.seconds + took, Counted.slow + (took > 1)
    return one


for verb in ('get', 'post'):
    setattr(crawler.Crawler, verb, counted(getattr(crawler.Crawler, verb)))

FOREIGN = re.compile(r'benchmark\(|waitfor|ODBC|new Date|(?<!pg_)sleep\(|\t|/\*\*/')
read = attack.PayloadReader.read_payloads


def ours(self, file):
    lines = read(self, file)
    if file.endswith('blindSQLPayloads.txt') and os.environ.get('SIEGEL_SCAN_BLIND') != 'all':
        kept = [one for one in lines if not FOREIGN.search(one[0])]
        say('blindsql tries %d of %d sentences' % (len(kept), len(lines)))
        return kept
    return lines


attack.PayloadReader.read_payloads = ours


def told(module):
    inner = module.attack

    def run():
        begun, sent, slow, ended = time.monotonic(), Counted.sent, Counted.slow, False
        try:
            yield from inner()
            ended = True
        finally:
            say('module %s: %d requests in %.0f s, %d of them longer than a second%s' % (
                module.name, Counted.sent - sent, time.monotonic() - begun, Counted.slow - slow, '' if ended else ', BROKEN OFF'))
    return run


init = wapiti.Wapiti._init_attacks


def init_attacks(self):
    say('%d addresses and forms were found with %d requests in %.0f s' % (self.count_resources(), Counted.sent, Counted.seconds))
    init(self)
    for module in self.attacks:
        module.attack = told(module)


wapiti.Wapiti._init_attacks = init_attacks
sys.exit(wapiti.wapiti_main())
