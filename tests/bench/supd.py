"""supd beside its peers: an adapter for a harness that measures process supervisors side by side.

    ./bench.py supervise --adapters tests/bench/supd.py --peers limit,s6,runit,supd --n 10,100,1000
    ./bench.py restart   --adapters tests/bench/supd.py --peers limit,runit,supd
    ./bench.py jobs      --adapters tests/bench/supd.py --par 1,2,8 --only supd

`supd` and `supctl` are looked up on $PATH: put the release build there (packaging/build-static makes it static,
as it is shipped). As for every peer: the least restart delay it allows, and no logger unless logs are measured.
"""
import json
import lib
from peers import INITS, JOB_RUNNERS, Peer, peer

QUICK = '[backoff]\ninitial = "10ms"\nmax = "10ms"\nreset_after = "100ms"\n'
SILENT = '[logs]\nstdout = "null"\nstderr = "null"\n'


def places(folder):
    """Directories of one supd, made in this folder."""
    for name in ("run", "state", "log"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    return ["--runtime-dir", folder / "run", "--state-dir", folder / "state", "--log-dir", folder / "log"]


@peer
class Supd(Peer):
    name, needs, processes = "supd", ("supd", "supctl"), "3 (keeper, spawner, manager)"
    forced = "10 ms between restarts of what lived under 100 ms"
    grace = 0.2

    def config(self, n):
        for i in range(n):
            self.write(f"s{i:04d}.toml", f"exec = {json.dumps(self.cmd(i))}\n{QUICK}{SILENT}")

    log_dir = None

    def argv(self):
        argv = ["supd", "--quiet", "--units", self.dir, *places(self.run_dir)]
        return [*argv, "--log-dir", self.log_dir] if self.log_dir else argv

    def status(self):
        c = ["supctl", "--socket", self.run_dir / "run/control.sock"]
        return {"one": [*c, "status", "s0000"], "all": [*c, "get", "units"]}

    def log(self, writer, logdir):
        self.write("w.toml", f'exec = {json.dumps([str(w) for w in writer])}\nrestart_policy = "Never"\n'
                             '[logs]\nstdout = "log"\nstderr = "log"\n')
        self.log_dir = logdir


def job(count, parallel, folder):
    """One job of so many completions of a static `true`; supd ends with it."""
    units = folder / "units"
    units.mkdir()
    program = str(lib.build() / "true")
    (units / "job.toml").write_text(
        f'exec = [{json.dumps(program)}]\n{SILENT}[job]\ncompletions = {count}\nparallelism = {parallel}\nkeep_pods = 0\n')
    return ["supd", "--quiet", "--exit-when-done", "--units", str(units), *map(str, places(folder))], None


JOB_RUNNERS["supd"] = job
INITS["supd"] = ("supd", lambda folder, command: ["supd", "--", *command], True)
