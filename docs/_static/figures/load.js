// Mounts each figure of a page when it comes near the window. In the page it is
// <div class="moving-figure" data-figure="clip" data-language="en"></div>.

const FAILED = { en: 'This figure could not be loaded.', zh: '此图加载失败。' };

const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        nearby.unobserve(target);
        mount(target);
      }
    }
  },
  { rootMargin: '600px' },
);

async function mount(place) {
  const { figure, language = 'en' } = place.dataset;
  try {
    const module = await import(new URL(`${figure}.js`, import.meta.url));
    place.replaceChildren();
    await module.mount(place, { language });
    place.dataset.mounted = '';
  } catch (error) {
    place.textContent = FAILED[language];
    throw error;
  }
}

for (const place of document.querySelectorAll('.moving-figure')) nearby.observe(place);
