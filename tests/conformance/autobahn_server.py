"""Runs `wstest` (CPython 2.7) for autobahn.ts, with three things the command itself lacks.

It listens on the loopback interface only, it prints the cases it is going to run as one line of JSON once it listens,
and it ends when its standard input does, so that it cannot outlive the process that started it.

Usage: autobahn_server.py -m fuzzingserver -s spec.json -u 0
"""

import json
import os
import sys
import threading

# This chooses and installs Twisted's reactor, hence the order.
from autobahntestsuite import wstest
from autobahntestsuite.case import CaseBasename, CaseCategories, Cases, CaseSetname, CaseSubCategories
from autobahntestsuite.caseset import CaseSet
from twisted.internet import reactor


def end_with_stdin():
    while os.read(0, 1024):
        pass
    os._exit(0)


def read_cases(spec_path):
    with open(spec_path) as spec_file:
        spec = json.load(spec_file)
    case_set = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
    cases = case_set.parseSpecCases(spec)
    unknown = [case for case in cases if case not in case_set.CasesById]
    if unknown:
        sys.exit("no such case: %s" % ", ".join(unknown))
    return cases


def main():
    watcher = threading.Thread(target=end_with_stdin)
    watcher.daemon = True
    watcher.start()

    cases = read_cases(sys.argv[sys.argv.index("-s") + 1])
    listen_tcp = reactor.listenTCP

    def listen_on_loopback(port, factory, backlog=50, interface=""):
        listener = listen_tcp(port, factory, backlog, "127.0.0.1")
        sys.__stdout__.write(json.dumps({"cases": cases, "categories": CaseCategories}) + "\n")
        sys.__stdout__.flush()
        return listener

    reactor.listenTCP = listen_on_loopback
    wstest.run()


if __name__ == "__main__":
    main()
