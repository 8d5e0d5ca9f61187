import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { NodeHealth } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { sizeText, timeText } from '../forms/format.js';

/** Shares above which a figure is shown as a fault. */
const HIGH_SHARE = 0.9;
/** Delay of the event loop above which viewers notice it, ms. */
const HIGH_DELAY_MS = 200;

/** State of the gateway and its machine, refreshed while it is shown. */
export function NodeSection() {
  const [node, setNode] = useState<NodeHealth>();
  const [isReachable, setIsReachable] = useState(true);
  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) => callApi('GET /api/admin/node', { signal }),
      onResult: (result) => {
        setIsReachable(result.kind === 'ok');
        if (result.kind === 'ok') setNode(result.value.node);
        return 'fast';
      },
    });
    poll.start();
    return () => poll.close();
  }, []);

  return (
    <section class="card" aria-labelledby="node">
      <h2 id="node">This server</h2>
      {!isReachable && <p class="error">The server does not answer. Trying again…</p>}
      {node && <Figures node={node} />}
    </section>
  );
}

function Figures({ node }: { node: NodeHealth }) {
  const { version, startedAt, cpu, memory, eventLoop, broadcasts, encoders, webrtcWorkers, disks, database } =
    node;
  const usedMemory = memory.totalBytes - memory.availableBytes;
  return (
    <>
      <dl class="figures">
        <Figure name="Processor" isHigh={cpu.loadAverage > cpu.cores}>
          load {cpu.loadAverage.toFixed(1)} of {cpu.cores}
          <Note>gateway {cpu.gatewayCores.toFixed(2)} cores</Note>
        </Figure>
        <Figure name="Memory" isHigh={usedMemory > memory.totalBytes * HIGH_SHARE}>
          {sizeText(usedMemory)} of {sizeText(memory.totalBytes)}
          <Note>gateway {sizeText(memory.gatewayBytes)}</Note>
        </Figure>
        <Figure name="Event loop" isHigh={eventLoop.isFull || eventLoop.delayMs > HIGH_DELAY_MS}>
          {Math.round(eventLoop.busyShare * 100)} % busy
          <Note>{Math.round(eventLoop.delayMs)} ms late</Note>
        </Figure>
        <Figure name="Broadcasts">{broadcasts}</Figure>
        <Figure name="Encoders" isHigh={encoders.isShedding}>
          {encoders.processes}
          {encoders.isShedding && <Note>too slow: renditions are left out</Note>}
        </Figure>
        {disks.map(({ purpose, freeBytes, totalBytes }) => (
          <Figure
            key={purpose}
            name={purpose === 'data' ? 'Disk of the data' : 'Disk of the recordings'}
            isHigh={freeBytes === null || freeBytes < (totalBytes ?? 0) * (1 - HIGH_SHARE)}
          >
            {freeBytes === null ? 'cannot be read' : `${sizeText(freeBytes)} free`}
            {totalBytes !== null && <Note>of {sizeText(totalBytes)}</Note>}
          </Figure>
        ))}
        <Figure name="Database" isHigh={database.latencyMs === null}>
          {database.latencyMs === null ? 'does not answer' : `${Math.round(database.latencyMs)} ms`}
          {database.sizeBytes !== null && (
            <Note>
              {sizeText(database.sizeBytes)}, {database.connections} connections
            </Note>
          )}
        </Figure>
        {webrtcWorkers.map(({ pid, port, publishers, viewers, residentBytes }) => (
          <Figure key={pid} name={`WebRTC, port ${port}`}>
            {publishers} in, {viewers} out
            <Note>{sizeText(residentBytes)}</Note>
          </Figure>
        ))}
      </dl>
      <p class="faint">
        Headend {version}, running since {timeText(startedAt)}
      </p>
    </>
  );
}

type FigureProps = { name: string; isHigh?: boolean; children: ComponentChildren };

function Figure({ name, isHigh = false, children }: FigureProps) {
  return (
    <div class={isHigh ? 'health' : ''}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Note({ children }: { children: ComponentChildren }) {
  return <small class="faint">{children}</small>;
}
