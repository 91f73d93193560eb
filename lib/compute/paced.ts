/**
 * Posts messages in order, one in each task: copying a message holds up the thread that sends it, 67 ms of its processor time for the report of a
 * model of sixty blocks. One task follows the other through a channel, since browsers slow down the timers of a page that nobody sees.
 * `onFailure` hears what `post` throws; the messages that wait are dropped then.
 */
export function paced(
  post: (message: unknown) => void,
  onFailure: (thrown: unknown) => void,
): (message: unknown) => void {
  let waiting: unknown[] = [];
  let isPosting = false;
  const next = () => {
    isPosting = waiting.length > 0;
    if (!isPosting) return;
    afterThisTask(next);
    try {
      post(waiting.shift());
    } catch (thrown) {
      waiting = [];
      onFailure(thrown);
    }
  };
  return (message) => {
    waiting.push(message);
    if (!isPosting) next();
  };
}

function afterThisTask(work: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    work();
  };
  port2.postMessage(null);
}
