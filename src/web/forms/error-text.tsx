import './forms.css';

/** Message of a failure, read aloud by screen readers when it appears. */
export function ErrorText({ children }: { children: string }) {
  return (
    <p class="error" role="alert">
      {children}
    </p>
  );
}
