import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State of an open connection in `/proc/net/tcp`. */
const ESTABLISHED = '01';

/** Lists the delivery processes of a gateway. */
export function deliveryPids(gatewayPid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return [...table.matchAll(/^ *(\d+) +(\d+) .*egress\/hls\/delivery\/main\.[jt]s/gm)]
    .filter(([, , parent]) => Number(parent) === gatewayPid)
    .map(([, pid]) => Number(pid));
}

/** Counts the connections that a process has on a port of this machine, IPv4 (Linux only). */
export function connectionsOf(pid: number, port: number): number {
  const sockets = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      sockets.add(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
    } catch {
      // Closed meanwhile.
    }
  }
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(local) && state === ESTABLISHED)
    .filter((fields) => sockets.has(`socket:[${fields[9]}]`)).length;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
