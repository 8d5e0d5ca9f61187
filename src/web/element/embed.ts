import { currentLanguage } from '../locale/language.js';
import './headend-player.js';

/** Page that other sites show in a frame: the player of its address alone. */
const player = document.createElement('headend-player');
player.setAttribute('src', location.pathname);
for (const name of ['autoplay', 'muted'])
  if (new URLSearchParams(location.search).has(name)) player.setAttribute(name, '');
document.documentElement.lang = currentLanguage();
document.body.append(player);
