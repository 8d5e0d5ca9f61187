import { useEffect, useState } from 'preact/hooks';
import { type CurrentUser, fetchCurrentUser } from '../account/account.js';
import { SignInForm } from '../account/sign-in-form.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { mediaTexts } from '../texts/media.js';

type FollowButtonProps = { userId: string; onChange: (following: boolean) => void };

/** Follows or unfollows a channel; asks others to sign in first. */
export function FollowButton({ userId, onChange }: FollowButtonProps) {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [following, setFollowing] = useState<boolean>();
  const [signingIn, setSigningIn] = useState(false);
  const action = useAction();
  const params = { userId };

  // Without an answer there is nothing to offer.
  const loadUser = (): void => void fetchCurrentUser().then(setCurrentUser, () => {});
  useEffect(loadUser, []);
  const signedInId = currentUser?.user?.id;
  useEffect(() => {
    if (signedInId === undefined || signedInId === userId) return;
    void callApi('GET /api/users/:userId/follow', { params }).then((answer) => {
      if (answer.kind === 'ok') setFollowing(answer.value.following);
    });
  }, [signedInId, userId]);

  if (!currentUser) return null;
  const { user, csrfToken } = currentUser;
  if (user?.id === userId)
    return (
      <a class="button follow" href="/dashboard">
        {mediaTexts.editChannel}
      </a>
    );
  if (!user)
    return signingIn ? (
      <SignInForm
        currentUser={currentUser}
        onDone={() => {
          setSigningIn(false);
          loadUser();
        }}
        onCancel={() => setSigningIn(false)}
      />
    ) : (
      <button type="button" class="primary follow" onClick={() => setSigningIn(true)}>
        {mediaTexts.signInToFollow}
      </button>
    );
  const toggle = async (): Promise<void> => {
    const request = { params, csrfToken };
    const call = following
      ? callApi('DELETE /api/users/:userId/follow', request)
      : callApi('PUT /api/users/:userId/follow', request);
    const answer = await action.run(call);
    if (!answer) return;
    setFollowing(answer.following);
    onChange(answer.following);
  };
  return (
    <>
      <button
        type="button"
        class={following ? 'follow' : 'primary follow'}
        aria-pressed={following ?? false}
        disabled={action.isBusy || following === undefined}
        onClick={() => void toggle()}
      >
        {following ? mediaTexts.following : mediaTexts.follow}
      </button>
      <ErrorText>{action.error}</ErrorText>
    </>
  );
}
