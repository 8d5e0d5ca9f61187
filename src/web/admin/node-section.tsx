import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { NodeHealth } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { sizeText, timeText } from '../forms/format.js';
import { number } from '../locale/format.js';
import { adminTexts } from '../texts/admin.js';
import { formsTexts } from '../texts/forms.js';

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
      <h2 id="node">{adminTexts.thisServer}</h2>
      {!isReachable && <p class="error">{formsTexts.unreachable}</p>}
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
        <Figure name={adminTexts.processor} isHigh={cpu.loadAverage > cpu.cores}>
          {adminTexts.load(number(cpu.loadAverage, 1), cpu.cores)}
          <Note>{adminTexts.gatewayCores(number(cpu.gatewayCores, 2))}</Note>
        </Figure>
        <Figure name={adminTexts.memory} isHigh={usedMemory > memory.totalBytes * HIGH_SHARE}>
          {sizeText(usedMemory)} {adminTexts.of(sizeText(memory.totalBytes))}
          <Note>{adminTexts.gateway(sizeText(memory.gatewayBytes))}</Note>
        </Figure>
        <Figure name={adminTexts.eventLoop} isHigh={eventLoop.isFull || eventLoop.delayMs > HIGH_DELAY_MS}>
          {adminTexts.busy(Math.round(eventLoop.busyShare * 100))}
          <Note>{adminTexts.late(Math.round(eventLoop.delayMs))}</Note>
        </Figure>
        <Figure name={adminTexts.broadcasts}>{broadcasts}</Figure>
        <Figure name={adminTexts.encoders} isHigh={encoders.isShedding}>
          {encoders.processes}
          {encoders.isShedding && <Note>{adminTexts.tooSlow}</Note>}
        </Figure>
        {disks.map(({ purpose, freeBytes, totalBytes }) => (
          <Figure
            key={purpose}
            name={purpose === 'data' ? adminTexts.diskOfData : adminTexts.diskOfRecordings}
            isHigh={freeBytes === null || freeBytes < (totalBytes ?? 0) * (1 - HIGH_SHARE)}
          >
            {freeBytes === null ? adminTexts.cannotBeRead : adminTexts.free(sizeText(freeBytes))}
            {totalBytes !== null && <Note>{adminTexts.of(sizeText(totalBytes))}</Note>}
          </Figure>
        ))}
        <Figure name={adminTexts.database} isHigh={database.latencyMs === null}>
          {database.latencyMs === null ? adminTexts.noAnswer : `${Math.round(database.latencyMs)} ms`}
          {database.sizeBytes !== null && (
            <Note>
              {sizeText(database.sizeBytes)}, {adminTexts.connections(database.connections ?? 0)}
            </Note>
          )}
        </Figure>
        {webrtcWorkers.map(({ pid, port, publishers, viewers, residentBytes }) => (
          <Figure key={pid} name={adminTexts.webrtcPort(port)}>
            {adminTexts.inAndOut(publishers, viewers)}
            <Note>{sizeText(residentBytes)}</Note>
          </Figure>
        ))}
      </dl>
      <p class="faint">{adminTexts.runningSince(version, timeText(startedAt))}</p>
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
